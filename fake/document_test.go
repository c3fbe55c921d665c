package fake_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"summit/fake"
	"summit/member"
)

var update = flag.Bool("update", false, "rewrite the tables in docs/members.md and docs/members.zh-CN.md")

// words are the texts of a table in one language.
type words struct {
	file, vendor, member, address, key, model, none, listed string
	symbols                                                 string
}

var languages = []words{
	{
		file: "../docs/members.md", vendor: "fake", member: "use", address: "address", key: "key looked for in", model: "model unless set", none: "none", listed: "the first that it lists",
		symbols: works + " works through all three protocols · " + told + " left out, and the header `X-Summit-Warning` says so · " + refused +
			" the vendor does not do it: the caller gets a clear error, or an answer without it · " + unknown + " nothing is known of how the vendor says it. " +
			"Where protocols differ, they stand in the order chat/responses/messages.",
	},
	{
		file: "../docs/members.zh-CN.md", vendor: "仿真", member: "use", address: "地址", key: "密钥所在的环境变量", model: "默认模型", none: "无", listed: "服务器列出的第一个",
		symbols: works + " 三种协议下均正常 · " + told + " 不发送该项，并由响应头 `X-Summit-Warning` 说明 · " + refused +
			" 厂商不支持：调用方得到明确的错误，或不含该项的回答 · " + unknown + " 不知道厂商如何表示。各协议不同时，依次为 chat/responses/messages。",
	},
}

// documented holds the tables in the documentation against what was tried.
func documented(t *testing.T, table map[string]map[string][]string) {
	for _, w := range languages {
		var kinds, can, breaks strings.Builder
		w.kinds(&kinds)
		w.matrix(&can, table, func(c column) bool { return c.fault == "" && c.name != "wrong key" })
		w.matrix(&breaks, table, func(c column) bool { return c.fault != "" || c.name == "wrong key" })
		text, err := os.ReadFile(w.file)
		if err != nil {
			t.Fatal(err)
		}
		got := string(text)
		for _, part := range []struct{ name, text string }{{"kinds", kinds.String()}, {"can", can.String()}, {"breaks", breaks.String()}} {
			begin, end := "<!-- "+part.name+": written by go test ./fake -run TestMatrix -update -->\n", "<!-- end of "+part.name+" -->\n"
			before, rest, ok := strings.Cut(got, begin)
			_, after, ok2 := strings.Cut(rest, end)
			if !ok || !ok2 {
				t.Fatalf("%s has no place for %s", w.file, part.name)
			}
			got = before + begin + "\n" + part.text + "\n" + end + after
		}
		if *update {
			if err := os.WriteFile(w.file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if got != string(text) {
			t.Errorf("%s is not what was found; go test ./fake -run TestMatrix -update rewrites it", w.file)
		}
	}
}

// kinds draws where each kind of member is and where its key is looked for.
func (w words) kinds(b *strings.Builder) {
	fmt.Fprintf(b, "| %s | | %s | %s | %s |\n|---|---|---|---|---|\n", w.member, w.address, w.key, w.model)
	for _, k := range member.Kinds() {
		if k.BaseURL == "" {
			continue
		}
		var keys []string
		for _, name := range k.KeyEnv {
			keys = append(keys, "`"+name+"`")
		}
		key, model := w.none, w.listed
		if keys != nil {
			key = strings.Join(keys, ", ")
		}
		if k.Model != "" {
			model = "`" + k.Model + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | `%s` | %s | %s |\n", k.Name, k.About, k.BaseURL, key, model)
	}
}

// matrix draws the chosen columns, one vendor a row, with what vendors can't
// do below.
func (w words) matrix(b *strings.Builder, table map[string]map[string][]string, chosen func(column) bool) {
	var cols []column
	for _, c := range columns() {
		if chosen(c) {
			cols = append(cols, c)
		}
	}
	fmt.Fprintf(b, "%s\n\n| %s |", w.symbols, w.vendor)
	for _, c := range cols {
		fmt.Fprintf(b, " %s |", c.name)
	}
	b.WriteString("\n|---|" + strings.Repeat(":-:|", len(cols)) + "\n")
	var notes []string
	for _, v := range fake.Vendors() {
		fmt.Fprintf(b, "| `%s` |", v.Name)
		for _, c := range cols {
			cell := table[v.Name][c.name]
			if one := slices.Compact(slices.Clone(cell)); len(one) == 1 {
				cell = one
			}
			text := strings.Join(cell, "/")
			if why := v.Cannot[c.scenario] + v.Notes[c.scenario]; why != "" {
				i := slices.Index(notes, why)
				if i < 0 {
					i = len(notes)
					notes = append(notes, why)
				}
				text += fmt.Sprintf(" [%d]", i+1)
			}
			fmt.Fprintf(b, " %s |", text)
		}
		b.WriteString("\n")
	}
	if notes != nil {
		b.WriteString("\n")
		for i, n := range notes {
			fmt.Fprintf(b, "%d. %s.\n", i+1, n)
		}
	}
}

// TestEveryKindHasAFake holds the fakes against the kinds of members.
func TestEveryKindHasAFake(t *testing.T) {
	faked := map[string]bool{}
	for _, v := range fake.Vendors() {
		faked[v.Kind] = true
		if _, ok := member.Lookup(v.Kind); !ok {
			t.Errorf("the fake %s is of a kind of member that does not exist: %s", v.Name, v.Kind)
		}
	}
	for _, k := range member.Kinds() {
		if k.BaseURL != "" && !faked[k.Name] {
			t.Errorf("members of the kind %s have no fake", k.Name)
		}
	}
}
