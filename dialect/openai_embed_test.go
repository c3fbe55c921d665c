package dialect

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"summit/llm"
)

func TestEmbed(t *testing.T) {
	c, err := DecodeEmbed([]byte(`{"model":"m","input":["甲","b"],"encoding_format":"base64","dimensions":2,"user":"u"}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&EmbedCall{Model: "m", Texts: []string{"甲", "b"}, Base64: true, Dimensions: 2, User: "u"}, c); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	vectors := [][]float32{{1, -2.5}, {0.1, 3e-9}}
	for _, c.Base64 = range []bool{true, false} {
		got, err := c.AppendEmbeddings(nil, vectors, llm.Usage{Input: llm.Counted(4)})
		if err != nil {
			t.Fatal(err)
		}
		back, usage, err := ReadEmbeddings(Quirks{}, bytes.NewReader(got), 2, 2)
		if diff := cmp.Diff(vectors, back); err != nil || diff != "" || usage.Input != llm.Counted(4) {
			t.Errorf("%s: %v, usage %v, -want +got\n%s", got, err, usage, diff)
		}
	}
	for _, bad := range [][][]float32{{{1}}, {{1}, {float32(math.NaN())}}} {
		if _, err := c.AppendEmbeddings(nil, bad, llm.Usage{}); err == nil {
			t.Errorf("%v was written", bad)
		}
	}
	f := func(body, param string) {
		t.Helper()
		_, err := DecodeEmbed([]byte(body))
		var e *llm.Error
		if !errors.As(err, &e) || e.Kind != llm.Invalid || e.Param != param {
			t.Errorf("%s: error %v, want one of kind invalid at %q", body, err, param)
		}
	}
	f(`{`, "")
	f(`{"input":"a"}`, "model")
	f(`{"model":"m"}`, "input")
	f(`{"model":"m","input":[]}`, "input")
	f(`{"model":"m","input":["a",""]}`, "input")
	f(`{"model":"m","input":[1,2]}`, "input[0]")
	f(`{"model":"m","input":"a","dimensions":0}`, "dimensions")
	f(`{"model":"m","input":"a","encoding_format":"hex"}`, "encoding_format")
}

// TestReadEmbeddings reads what servers say of usage and of errors.
func TestReadEmbeddings(t *testing.T) {
	const data = `"data":[{"embedding":[1],"index":0}],`
	f := func(body string, want llm.Count, kind llm.ErrorKind) {
		t.Helper()
		_, usage, err := ReadEmbeddings(Quirks{Codes: map[string]llm.ErrorKind{"1008": llm.QuotaExhausted}}, strings.NewReader(body), 1, 2)
		got := llm.ErrorKind("")
		if err != nil {
			got = llm.AsError(err).Kind
		}
		if usage.Input != want || got != kind {
			t.Errorf("%s: usage %v, error %v, want %v and %q", body, usage.Input, err, want, kind)
		}
	}
	f(`{`+data+`"usage":{"prompt_tokens":3,"total_tokens":5}}`, llm.Counted(3), "")
	f(`{`+data+`"usage":{"total_tokens":5}}`, llm.Counted(5), "")
	f(`{`+data+`"usage":{"prompt_tokens":0,"total_tokens":0}}`, llm.Count{}, "") // nobody reads a text in no tokens
	f(`{`+data+`"usage":null}`, llm.Count{}, "")
	f(`{`+data+`"code":"0","message":"Success","sid":"x"}`, llm.Count{}, "")
	f(`{"base_resp":{"status_code":1008,"status_msg":"no balance"},"data":null}`, llm.Count{}, llm.QuotaExhausted)
	f(`{"code":"Throttling.RateQuota","message":"slow down"}`, llm.Count{}, llm.RateLimited)
	f(`{"error":{"message":"busy","code":"ServiceUnavailable"}}`, llm.Count{}, llm.Overloaded)
	f(`{"data":[]}`, llm.Count{}, llm.Protocol)
}

// FuzzReadEmbeddings: any bytes are n vectors or an error with a kind.
func FuzzReadEmbeddings(f *testing.F) {
	f.Add([]byte(`{"data":[{"index":1,"embedding":[1,2]},{"embedding":"AACAPw==","index":0}],"usage":{"prompt_tokens":3}}`))
	f.Add([]byte(`{"embeddings":[{"values":[1,2]},{"values":[]}],"usageMetadata":{"promptTokenCount":3},"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}`))
	f.Add([]byte(`{"data":[{"index":9,"embedding":[1]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, read := range []func(Quirks, io.Reader, int, int) ([][]float32, llm.Usage, error){ReadEmbeddings, ReadGeminiEmbeddings} {
			v, _, err := read(Quirks{}, bytes.NewReader(body), 2, 4)
			var e *llm.Error
			switch {
			case err == nil && (len(v) != 2 || len(v[0]) > 4 || len(v[1]) > 4):
				t.Fatalf("%q: %v", body, v)
			case err != nil && (!errors.As(err, &e) || e.Kind == "" || strings.TrimSpace(e.Message) == ""):
				t.Fatalf("%q: error %v", body, err)
			}
		}
	})
}
