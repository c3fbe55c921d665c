package dialect

import (
	"net/http"
	"time"
)

// Lists reports whether the caller speaks this protocol: all its clients say
// which version.
func (Anthropic) Lists(h http.Header) bool { return h.Get("Anthropic-Version") != "" }

// AppendModel adds one model.
func (Anthropic) AppendModel(dst []byte, m ModelEntry) []byte {
	dst = appendString(append(dst, `{"type":"model","id":`...), m.Name)
	dst = appendString(append(dst, `,"display_name":`...), m.Name)
	return append(appendString(append(dst, `,"created_at":`...), m.Created.UTC().Format(time.RFC3339)), '}')
}

// AppendModels adds the whole list, which is one page.
func (a Anthropic) AppendModels(dst []byte, models []ModelEntry) []byte {
	dst = append(dst, `{"data":[`...)
	for i, m := range models {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = a.AppendModel(dst, m)
	}
	dst = append(dst, `],"has_more":false,"first_id":`...)
	if len(models) == 0 {
		return append(dst, `null,"last_id":null}`...)
	}
	dst = appendString(dst, models[0].Name)
	return append(appendString(append(dst, `,"last_id":`...), models[len(models)-1].Name), '}')
}
