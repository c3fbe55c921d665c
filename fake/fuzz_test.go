package fake

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// FuzzAsk sends any body to any fake, past its signature: it answers or
// refuses, and does neither panic nor hang.
func FuzzAsk(f *testing.F) {
	for i, v := range Vendors() {
		for _, body := range []string{
			`{"model":"` + v.Model + `","messages":[{"role":"user","content":[{"type":"text","text":"[[fake fault=stall gap=1h]]"}]}],"stream":true}`,
			`{"model":"gpt-5.5","input":[{"type":"reasoning","summary":[]},{"type":"function_call_output"}],"max_output_tokens":16}`,
			`{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]}],"tools":[{"functionDeclarations":[{"parameters":{"items":{"anyOf":[{}]}}}]}]}`,
			`{"model":"` + v.Model + `","prompt":"中","stream":true,"max_tokens":9}`,
			`{"model":"` + v.Vectors.Model + `","input":["山"],"dimensions":256}`,
			`{"model":"` + v.Vectors.Model + `","input":{"texts":["山"]},"parameters":{"dimension":256}}`,
			`{"requests":[{"model":"models/` + v.Vectors.Model + `","content":{"parts":[{"text":"山"}]}}]}`,
			`{"Model":"hunyuan-turbos-latest","Messages":[{"Role":"tool","ToolCallId":"x"}],"Tools":[{"Type":"function","Function":{"Name":"f","Parameters":"{"}}]}`,
			`{"parameter":{"chat":{"domain":"4.0Ultra"}},"payload":{"message":{"text":[{"role":"user","content":"hi"}]}}}`,
		} {
			f.Add(uint8(i), []byte(body))
		}
	}
	f.Add(uint8(slices.IndexFunc(Vendors(), func(v *Vendor) bool { return v.Name == "spark-ws" })), []byte("\x89\x81\x00\x00\x00\x00x\x81\xfe\x00\x01\x01\x02\x03\x04y"))
	all := Vendors()
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		v := all[int(which)%len(all)]
		s, err := New(v.Name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		defer func() { // how a fake breaks a connection
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				panic(p)
			}
		}()
		if v.Name == "spark-ws" {
			conn, other := net.Pipe()
			go io.Copy(io.Discard, other)
			(&socket{conn: conn, in: bufio.NewReader(bytes.NewReader(body))}).read()
			conn.Close()
		}
		x := s.begin(httptest.NewRecorder(), httptest.NewRequest("POST", "/", bytes.NewReader(body)).WithContext(ctx))
		read := map[string]func() *problem{
			"hunyuan-native": func() *problem { return tencent{}.read(x) }, "qwen-native": func() *problem { return dashScope{}.read(x) },
			"qianfan-v1": func() *problem { return ernie{}.read(x) }, "spark-ws": func() *problem { return (&sparkSocket{}).read(x) },
			"anthropic": func() *problem { return claude{}.read(x, false) }, "gemini": func() *problem { return gemini{}.read(x) }, "responses": func() *problem { return responses{}.read(x) },
		}[v.Name]
		var c codec
		switch d := v.door.(type) {
		case codec:
			c = d
		case doors:
			c, _ = d[0].(codec)
		}
		if chat, ok := c.(*chat); ok {
			read = func() *problem { return chat.read(x) }
			if v.Vectors.Model != "" && bytes.Contains(body, []byte(`"input"`)) {
				c, read = embeddings{chat}, func() *problem { return embeddings{chat}.read(x) }
			} else if chat.continues && bytes.Contains(body, []byte(`"prompt"`)) {
				c, read = text{chat}, func() *problem { return text{chat}.read(x) }
			}
		}
		if bytes.Contains(body, []byte(`"texts"`)) && v.Name == "qwen-native" {
			c, read = dashScopeVectors{}, func() *problem { return readDashScopeTexts(x) }
		}
		if bytes.Contains(body, []byte(`"requests"`)) && v.Name == "gemini" {
			c, read = geminiVectors{}, func() *problem { return readGeminiTexts(x) }
		}
		if c == nil {
			c = ernie{}
		}
		if p := read(); p != nil {
			x.refuse(c, *p)
		} else if x.fault == "" {
			x.answer(c)
		}
	})
}
