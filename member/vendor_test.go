package member

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	yaml "go.yaml.in/yaml/v3"

	"summit/dialect"
	"summit/llm"
	"summit/money"
)

// recordedServer answers with one HTTP response as it stands in a file. Calls
// for a token get one.
type recordedServer struct {
	response []byte
	sent     []byte
	url      string
}

// tokenCalls are the paths where tokens are given, and what is answered there.
var tokenCalls = map[string]string{
	"/v1/BCE-BEARER/token": "HTTP/1.1 201 Created\r\nContent-Length: 28\r\n\r\n" + `{"token":"bce-v3/short/one"}`,
	"/v3/auth/tokens":      "HTTP/1.1 201 Created\r\nX-Subject-Token: iam-token\r\nContent-Length: 2\r\n\r\n{}",
	"/oauth/2.0/token":     "HTTP/1.1 200 OK\r\nContent-Length: 48\r\n\r\n" + `{"access_token":"24.oauth","expires_in":2592000}`,
}

func (s *recordedServer) RoundTrip(req *http.Request) (*http.Response, error) {
	if answer, ok := tokenCalls[req.URL.Path]; ok {
		return http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), req)
	}
	s.url = req.URL.String()
	var body bytes.Buffer
	body.ReadFrom(req.Body)
	s.sent = body.Bytes()
	return http.ReadResponse(bufio.NewReader(bytes.NewReader(s.response)), req)
}

// TestRecordedExchanges plays one exchange for each form that a vendor
// answers in: what a client asks, what the vendor gets and says, and what
// comes out. The exchanges are of our own writing, after the vendors'
// documentation. The settings stand before the first file; `go test -update`
// rewrites what was sent and what came out.
func TestRecordedExchanges(t *testing.T) {
	files, err := filepath.Glob("testdata/exchange/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // prices depend on the hour
				seen[exchanged(t, file)] = true
			})
		})
	}
	for _, k := range Kinds() {
		if k.Params == nil {
			continue
		}
		if _, ok := k.Params().(params); ok && !seen[k.Name] {
			t.Errorf("kind %s has no recorded exchange", k.Name)
		}
	}
}

var dates = regexp.MustCompile(`\b(authorization|date)=[^&]*`)

func exchanged(t *testing.T, file string) (kind string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	section := func(name string) *txtar.File {
		for i := range archive.Files {
			if archive.Files[i].Name == name {
				return &archive.Files[i]
			}
		}
		archive.Files = append(archive.Files, txtar.File{Name: name})
		return &archive.Files[len(archive.Files)-1]
	}
	server := &recordedServer{response: section("answer").Data}
	c := Config{Name: "m", Key: "sk-secret", Client: &http.Client{Transport: server}}
	spoken := dialect.Server(dialect.OpenAI{}) // what the caller speaks
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "use":
			c.Use = value
		case "base_url":
			c.BaseURL = value
		case "model":
			c.Model = value
		case "key":
			c.Key = value
		case "dialect":
			i := slices.IndexFunc(dialect.Servers(), func(s dialect.Server) bool { return s.Name() == value })
			spoken = dialect.Servers()[i]
		case "params":
			k, _ := Lookup(c.Use)
			c.Params = k.Params()
			if err := yaml.Unmarshal([]byte(value), c.Params); err != nil {
				t.Fatal(err)
			}
		case "quirks":
			p := OpenAIParams{}
			if err := json.Unmarshal([]byte(value), &p.Quirks); err != nil {
				t.Fatal(err)
			}
			c.Params = &p
		}
	}
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	call, err := spoken.Decode(section("ask").Data)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for e, err := range m.Generate(t.Context(), call.Request) {
		switch e.Kind {
		case llm.KindStart:
			fmt.Fprintf(&out, "start %s\n", e.Model)
			for _, w := range e.Warnings {
				fmt.Fprintf(&out, "warning %s\n", w)
			}
		case llm.KindText, llm.KindReasoning:
			fmt.Fprintf(&out, "%s %q", e.Kind, e.Text)
			for _, t := range e.Tokens {
				fmt.Fprintf(&out, " %s:%v", t.Token, t.Logprob)
			}
			if e.Signature != "" {
				fmt.Fprintf(&out, " signed %s", e.Signature)
			}
			out.WriteString("\n")
		case llm.KindCall:
			fmt.Fprintf(&out, "call %d %s %s %q\n", e.Call.Index, e.Call.ID, e.Call.Name, e.Call.ArgsDelta)
		case llm.KindProgress:
			fmt.Fprintf(&out, "progress %s\n", e.Progress.Note)
		case llm.KindDone:
			o := e.Done
			usage, _ := json.Marshal(o.Usage)
			fmt.Fprintf(&out, "done %s %s\nusage %s\n", o.Model, o.Finish, usage)
			if o.Remote != nil {
				remote, _ := json.Marshal(o.Remote)
				fmt.Fprintf(&out, "remote %s\n", remote)
			}
			if o.Cost != nil {
				fmt.Fprintf(&out, "cost %s %s, %s\n", o.Cost.Amount, o.Cost.Currency, o.Cost.From)
			}
			if err != nil {
				e := llm.AsError(err)
				fmt.Fprintf(&out, "error %s, code %q, param %q, retry after %v\n", e.Error(), e.Code, e.Param, e.RetryAfter)
			}
		}
	}
	server.url = dates.ReplaceAllString(server.url, "$1=...") // a signature has its time in it
	got := map[string]string{"sent": server.url + "\n" + string(server.sent) + "\n", "came": out.String()}
	for _, name := range []string{"sent", "came"} {
		s := section(name)
		if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
			s.Data = []byte(got[name])
		}
		if diff := cmp.Diff(string(s.Data), got[name]); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return c.Use
}

func TestVendorKinds(t *testing.T) {
	want := map[string]string{ // kind: base URL, key, model
		"openai":        "https://api.openai.com/v1 OPENAI_API_KEY ",
		"qwen":          "https://dashscope.aliyuncs.com/compatible-mode/v1 DASHSCOPE_API_KEY qwen3.8-max",
		"hunyuan":       "https://tokenhub.tencentmaas.com/v1 HUNYUAN_API_KEY hy4",
		"glm":           "https://open.bigmodel.cn/api/paas/v4 ZHIPUAI_API_KEY|GLM_API_KEY glm-5.3",
		"spark":         "https://spark-api-open.xf-yun.com/v2 SPARK_API_PASSWORD spark-x",
		"pangu":         "https://api.modelarts-maas.com/v1 MAAS_API_KEY openpangu-2.0-pro",
		"zhinao":        "https://api.360.cn/v1 ZHINAO_API_KEY 360gpt2-pro",
		"deepseek":      "https://api.deepseek.com DEEPSEEK_API_KEY deepseek-flash",
		"kimi":          "https://api.moonshot.cn/v1 MOONSHOT_API_KEY kimi-k3",
		"doubao":        "https://ark.cn-beijing.volces.com/api/v3 ARK_API_KEY doubao-seed-2-1-pro-260915",
		"minimax":       "https://api.minimaxi.com/v1 MINIMAX_API_KEY MiniMax-M3",
		"qianfan":       "https://qianfan.baidubce.com/v2 QIANFAN_API_KEY|QIANFAN_TOKEN ernie-5.5-flash-preview",
		"stepfun":       "https://api.stepfun.com/v1 STEPFUN_API_KEY|STEP_API_KEY step-3.7-flash",
		"baichuan":      "https://api.baichuan-ai.com/v1 BAICHUAN_API_KEY Baichuan4-Turbo",
		"gemini":        "https://generativelanguage.googleapis.com/v1beta GEMINI_API_KEY|GOOGLE_API_KEY gemini-3.5-flash",
		"anthropic":     "https://api.anthropic.com/v1 ANTHROPIC_API_KEY claude-sonnet-5",
		"responses":     "https://api.openai.com/v1 OPENAI_API_KEY gpt-5.5",
		"gemini-openai": "https://generativelanguage.googleapis.com/v1beta/openai GEMINI_API_KEY|GOOGLE_API_KEY gemini-3.5-flash",
		"ollama":        "http://127.0.0.1:11434/v1  ",
		"vllm":          "http://127.0.0.1:8000/v1  ",
		"llamacpp":      "http://127.0.0.1:8080/v1  ",
		"sglang":        "http://127.0.0.1:30000/v1  ",

		"mindie":         "http://127.0.0.1:1025/v1  ",
		"vllm-ascend":    "http://127.0.0.1:8000/v1  ",
		"tgi":            "http://127.0.0.1:3000/v1  ",
		"glm-jwt":        "https://open.bigmodel.cn/api/paas/v4 ZHIPUAI_API_KEY|GLM_API_KEY glm-5.3",
		"hunyuan-native": "https://hunyuan.tencentcloudapi.com TENCENTCLOUD_SECRET_ID:TENCENTCLOUD_SECRET_KEY hunyuan-turbos-latest",
		"spark-ws":       "https://spark-api.xf-yun.com SPARK_API_KEY:SPARK_API_SECRET 4.0Ultra",
		"qwen-native":    "https://dashscope.aliyuncs.com/api/v1 DASHSCOPE_API_KEY qwen3.8-max",
		"qianfan-v1":     "https://aip.baidubce.com/rpc/2.0/ai_custom/v1/wenxinworkshop QIANFAN_API_KEY:QIANFAN_SECRET_KEY completions_pro",
		"qianfan-bce":    "https://qianfan.baidubce.com/v2 QIANFAN_ACCESS_KEY:QIANFAN_SECRET_KEY ernie-5.5-flash-preview",
		"pangu-iam":      " HUAWEICLOUD_IAM_PASSWORD ",
	}
	for name, line := range want {
		k, ok := Lookup(name)
		if got := k.BaseURL + " " + strings.Join(k.KeyEnv, "|") + " " + k.Model; !ok || got != line {
			t.Errorf("%s: %q, want %q", name, got, line)
		}
		if k.Local != (len(k.KeyEnv) == 0) || k.About == "" {
			t.Errorf("%s: local %v, keys %q, about %q", name, k.Local, k.KeyEnv, k.About)
		}
		for _, c := range k.Models {
			for _, p := range c.Prices {
				if !p.Unverified || p.Source == "" || p.Currency.Valid() != nil {
					t.Errorf("%s: %s: price %+v", name, c.Model, p)
				}
			}
		}
		if k.Model != "" && !slices.ContainsFunc(k.Models, func(c llm.Card) bool { return c.Model == k.Model }) {
			t.Errorf("%s: nothing is known of its default model %s", name, k.Model)
		}
	}
}

func TestVendorCard(t *testing.T) {
	card := func(c Config) llm.Card {
		t.Helper()
		c.Name = "m"
		m, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		return *m.Card()
	}
	c := card(Config{Use: "glm", Model: "glm-5.2"})
	if c.Vendor != "zhipu" || c.Family != "glm-5" || c.WindowTokens != 1_000_000 || !c.Reasoning || !c.Tools || !c.Structured ||
		len(c.Prices) != 1 || c.Prices[0].Input != 1_400_000 || *c.Prices[0].CacheRead != 260_000 || c.Prices[0].Currency != "USD" || !slices.Equal(c.Labels, []string{"unverified"}) {
		t.Errorf("card %+v", c)
	}
	own := llm.Card{WindowTokens: 5, Family: "mine", Inputs: []llm.Modality{}, Prices: []llm.Price{{Currency: "CNY"}}, Labels: []string{"x"}}
	if c := card(Config{Use: "qwen", Card: own}); c.WindowTokens != 5 || c.Family != "mine" || len(c.Inputs) != 0 || c.Prices[0].Currency != "CNY" || !slices.Equal(c.Labels, []string{"x", "unverified"}) {
		t.Errorf("card %+v, want what the user gave", c)
	}
	// Elsewhere the facts of the model hold, the prices do not.
	if c := card(Config{Use: "qwen", BaseURL: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"}); c.WindowTokens != 991_000 || c.Prices != nil || len(c.Labels) != 1 {
		t.Errorf("card %+v", c)
	}
	if c := card(Config{Use: "deepseek"}); len(c.Prices) != 2 || c.Prices[0].Within == nil {
		t.Errorf("card %+v, want a price for peak hours and one beside", c)
	} else {
		for at, want := range map[string]money.Rate{"2026-11-26T10:00:00+08:00": 2_000_000, "2026-11-26T20:00:00+08:00": 1_000_000, "2026-11-28T10:00:00+08:00": 1_000_000} {
			when, _ := time.Parse(time.RFC3339, at)
			if p, ok := c.PriceAt(when, 5); !ok || p.Input != want {
				t.Errorf("%s: %s, want %s", at, p.Input, want)
			}
		}
	}
	if c := card(Config{Use: "minimax"}); len(c.Prices) != 2 || c.Prices[1].AboveInputTokens != 512_000 {
		t.Errorf("card %+v, want two tiers", c)
	}
	if c := card(Config{Use: "openai", BaseURL: "http://127.0.0.1:1/v1"}); c.Labels != nil || c.Model != "" || !c.Tools {
		t.Errorf("card %+v", c)
	}
	if c := card(Config{Use: "openai"}); c.Model != "gpt-5.5" || len(c.Prices) != 1 {
		t.Errorf("card %+v", c)
	}
	if c := card(Config{Use: "ollama", Model: "x"}); !slices.Equal(c.Labels, []string{"unverified"}) {
		t.Errorf("card %+v", c)
	}
}

// A configuration may change a kind's quirks; the kind keeps its own.
func TestVendorParamsAreCopies(t *testing.T) {
	k, _ := Lookup("glm")
	p := k.Params().(*OpenAIParams)
	p.Quirks.Body["x"], p.Quirks.Codes["x"] = "1", llm.Cut
	p.Quirks.Pass[0] = "changed"
	if q := k.Params().(*OpenAIParams).Quirks; len(q.Body) != 1 || q.Codes["x"] != "" || q.Pass[0] == "changed" {
		t.Errorf("quirks %+v", q)
	}
}
