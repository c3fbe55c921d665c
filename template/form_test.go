package template

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write is what a model that keeps to the form would write.
func (f *Form) write(calls ...Part) string {
	var b strings.Builder
	b.WriteString(f.Open)
	for i, c := range calls {
		if i > 0 {
			b.WriteString(f.Between)
		}
		b.WriteString(f.Begin + c.Name)
		if f.Number != "" {
			b.WriteString(f.Number + string(rune('0'+i%10)))
		}
		b.WriteString(f.Middle)
		if f.Pairs == nil {
			b.WriteString(c.Arguments)
		} else {
			v, _ := FromJSON([]byte(c.Arguments)) // the calls are valid
			m, _ := v.(*Map)
			var raw map[string]json.RawMessage
			_ = json.Unmarshal([]byte(c.Arguments), &raw)
			for _, k := range m.Keys() {
				x, _ := m.Get(k)
				text, isText := x.(string)
				if !isText {
					text = string(raw[k])
				}
				b.WriteString(f.Pairs.Key + k + f.Pairs.Value + text + f.Pairs.End)
			}
		}
		b.WriteString(f.End)
	}
	b.WriteString(f.Close)
	return b.String()
}

// pieced feeds an answer in pieces and puts its calls together again. It fails
// where the pieces of calls come in another order than begin, arguments, end.
func pieced(t testing.TB, f *Format, o Options, cuts ...string) (all []Part, most int) {
	t.Helper()
	r := f.Read(o)
	open := false
	add := func(parts []Part) {
		for _, p := range parts {
			n := len(all)
			within := p.Kind == CallArguments || p.Kind == CallEnd
			open = open && within // a model that leaves the form ends no call
			if open != within {
				t.Fatalf("%s: %q: part %+v within a call: %v", f.Name, cuts, p, open)
			}
			switch {
			case p.Kind == CallBegin:
				all = append(all, Part{Kind: Call, ID: p.ID, Name: p.Name})
				open, most = true, 0
			case p.Kind == CallArguments:
				all[n-1].Arguments += p.Text
				most++
			case p.Kind == CallEnd:
				open = false
			case n > 0 && p.Kind != Call && all[n-1].Kind == p.Kind:
				all[n-1].Text += p.Text
			default:
				all = append(all, p)
			}
		}
	}
	for _, c := range cuts {
		add(r.Next(c))
	}
	add(r.End())
	return all, most
}

// What a model writes that keeps to a family's form is read the same whole and
// in pieces, however it is cut, and arguments come as they are written.
func TestFormsAreRead(t *testing.T) {
	sources := map[string][]string{"deepseek": {"", "```json"}, "hunyuan": {"", "```json"}}
	calls := []Part{
		called("f", `{"a": "x </tool_ \"quoted\" 武汉\n{]", "n": [1, {"b": null}], "ok": true}`),
		called("get_it-2", `{}`),
		called("g", `{"s": "ends in \\", "deep": {"x": [[]], "y": "}"}}`),
	}
	forms := 0
	for _, f := range formats {
		if f.Form == nil {
			continue
		}
		list := sources[f.Name]
		if list == nil {
			list = []string{""}
		}
		for _, source := range list {
			forms++
			form := f.Form(source)
			for n := 1; n <= len(calls); n++ {
				if f.Frame != nil && n > 1 {
					break // one call is one message
				}
				var want []Part
				if f.Call != "" {
					want = append(want, thought("hm"))
				}
				for i, c := range calls[:n] {
					if form.Number != "" {
						c.ID = fmt.Sprintf("functions.%s:%d", c.Name, i)
					}
					want = append(want, c)
				}
				o := Options{Tools: true, Reasoning: f.Call != "", IsText: func(_, p string) bool { return p == "a" || p == "s" }}
				answer := ""
				if f.Call != "" {
					answer = "hm\n" + f.Closes + "\n\n"
				}
				if form.Open == "" && form.Between == "" && f.Frame == nil {
					for _, c := range calls[:n] {
						answer += form.write(c) + "\n"
					}
				} else {
					answer += form.write(calls[:n]...)
				}
				spaced := func(parts []Part) []Part { // arguments say the same
					for i := range parts {
						if parts[i].Kind == Call {
							v, err := FromJSON([]byte(parts[i].Arguments))
							if err != nil {
								t.Fatalf("%s: arguments %q: %v", f.Name, parts[i].Arguments, err)
							}
							parts[i].Arguments = fmt.Sprint(v)
							if m, ok := v.(*Map); ok {
								parts[i].Arguments = ""
								for _, k := range m.Keys() {
									x, _ := m.Get(k)
									parts[i].Arguments += fmt.Sprintf("%s=%v;", k, plain(x))
								}
							}
						}
					}
					return parts
				}
				spaced(want)
				if d := cmp.Diff(want, spaced(read(f, o, answer, 0))); d != "" {
					t.Errorf("%s: %q, read whole (-want +got):\n%s", f.Name, answer, d)
				}
				o.Form = form
				for at := range len(answer) + 1 {
					got, _ := pieced(t, f, o, answer[:at], answer[at:])
					if d := cmp.Diff(want, spaced(got)); d != "" {
						t.Errorf("%s: %q cut at %d (-want +got):\n%s", f.Name, answer, at, d)
						break
					}
				}
				got, pieces := pieced(t, f, o, strings.SplitAfter(answer, "")...)
				if d := cmp.Diff(want, spaced(got)); d != "" {
					t.Errorf("%s: %q in single characters (-want +got):\n%s", f.Name, answer, d)
				}
				if n != 2 && pieces < 10 {
					t.Errorf("%s: arguments came in %d pieces", f.Name, pieces)
				}
			}
		}
	}
	if forms < 9 {
		t.Errorf("%d forms were tried", forms)
	}
}

// plain writes a value with its maps' members in order.
func plain(v any) string {
	switch x := v.(type) {
	case *Map:
		var b strings.Builder
		for _, k := range x.Keys() {
			m, _ := x.Get(k)
			fmt.Fprintf(&b, "{%s:%s}", k, plain(m))
		}
		return b.String()
	case []any:
		var b strings.Builder
		for _, m := range x {
			b.WriteString("[" + plain(m) + "]")
		}
		return b.String()
	}
	return fmt.Sprint(v)
}

// A call that breaks off shows what there was of it, and text after calls is text.
func TestCallsThatBreakOff(t *testing.T) {
	f, err := FormatNamed("hermes")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Tools: true, Form: f.Form("")}
	got, _ := pieced(t, f, o, "so <tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"b")
	if d := cmp.Diff([]Part{text("so "), called("f", `{"a": "b`)}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	got, _ = pieced(t, f, o, "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>\nand so <on>")
	if d := cmp.Diff([]Part{called("f", `{}`), text("and so <on>")}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
