package summit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"summit"
	"summit/fusion"
	"summit/llm"
	"summit/member"
	"summit/record"
)

// serve starts a Summit on a port of its own and returns its base URL.
func serve(t *testing.T, c summit.Config) string {
	t.Helper()
	c.DataDir = t.TempDir()
	c.Identity.Auth = "none"
	ctx, cancel := context.WithCancel(context.Background())
	s, err := summit.Open(ctx, c)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve ended with %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return "http://" + l.Addr().String()
}

func post(client *http.Client, url string, body any) (int, []byte, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	resp, err := client.Post(url+"/v1/chat/completions", "application/json", bytes.NewReader(b))
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err = io.ReadAll(resp.Body)
	return resp.StatusCode, b, err
}

// TestVoteOverHTTPIsTheOfflineVote asks a vote of five recorded members 200
// questions over HTTP and offline: the same strategy code gives the same
// answers, and so the same accuracy.
func TestVoteOverHTTPIsTheOfflineVote(t *testing.T) {
	dir := filepath.Join("..", "shared", "outcomes")
	if _, err := os.Stat(filepath.Join(dir, "members.jsonl")); err != nil {
		t.Skip("no recorded outcomes beside the repository: the comparison is left out")
	}
	names := []string{"gemma-2-27b-it@together", "Athene-70B", "Qwen2-72B-Instruct", "Meta-Llama-3.1-70B-Instruct", "deepseek-coder"}
	const suiteName, split, questions = "gsm8k", "dev", 200

	file, err := yaml.Marshal(map[string]any{
		"discover": map[string]any{"enabled": false},
		"currency": "USD",
		"log":      map[string]any{"level": "error"},
		"members": func() map[string]any {
			m := map[string]any{}
			for i, n := range names {
				m["r"+strconv.Itoa(i)] = map[string]any{"use": "replay", "params": map[string]any{
					"dir": dir, "member": n, "suites": []string{suiteName}, "splits": []string{split}}}
			}
			return m
		}(),
		"models": map[string]any{"five": map[string]any{"use": "vote", "members": []string{"r0", "r1", "r2", "r3", "r4"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := summit.Load(summit.Sources{Path: path, Env: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	url := serve(t, loaded.Config)

	folder, err := record.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	suite, err := folder.Read(suiteName, split)
	if err != nil {
		t.Fatal(err)
	}
	recording := member.NewRecording(suite)
	var members []llm.Member
	for i, n := range names {
		m, err := member.NewReplay("r"+strconv.Itoa(i), recording, n)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, m)
	}
	vote, err := fusion.New("vote", fusion.Env{Name: "five", Members: members}, nil)
	if err != nil {
		t.Fatal(err)
	}

	// score is that of a member that gave the answer.
	score := func(q int, text string) float64 {
		for _, n := range names {
			if j, ok := suite.Index(n); ok && suite.Cell(q, j).Answer == text {
				return suite.Cell(q, j).Score
			}
		}
		t.Errorf("question %s: nobody answered %q", suite.Questions[q].ID, text)
		return 0
	}
	var online, offline float64
	for q := range questions {
		question := suite.Questions[q]
		status, body, err := post(http.DefaultClient, url, map[string]any{
			"model":    "five",
			"messages": []any{map[string]any{"role": "user", "content": question.Text()}},
			"summit":   map[string]any{"question": map[string]any{"suite": suiteName, "id": question.ID}},
		})
		if err != nil || status != http.StatusOK {
			t.Fatalf("question %s: status %d, %s, %v", question.ID, status, body, err)
		}
		var answer struct {
			Choices []struct{ Message struct{ Content string } }
		}
		if err := json.Unmarshal(body, &answer); err != nil || len(answer.Choices) != 1 {
			t.Fatalf("question %s: %s", question.ID, body)
		}
		reply, err := llm.Collect(vote.Generate(t.Context(), &llm.Request{
			Model: "five", Messages: []llm.Message{llm.Text(llm.RoleUser, question.Text())},
			Summit: llm.Extension{Question: &llm.Question{Suite: suiteName, ID: question.ID}},
		}))
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.Choices[0].Message.Content; got != reply.Text {
			t.Errorf("question %s: %q over HTTP, %q offline", question.ID, got, reply.Text)
		}
		online += score(q, answer.Choices[0].Message.Content)
		offline += score(q, reply.Text)
	}
	t.Logf("accuracy over %d questions: %.4f over HTTP, %.4f offline", questions, online/questions, offline/questions)
	if online != offline || online == 0 {
		t.Errorf("%v right over HTTP, %v offline, want the same and some", online, offline)
	}
}

// TestTenThousandRequests sends 10,000 requests with 64 clients through the whole journey,
// every fifth a stream that is left in the middle, and sees that no goroutine
// stays and memory is flat.
func TestTenThousandRequests(t *testing.T) {
	const requests, clients = 10_000, 64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for _, piece := range []string{"The ", "answer ", "is ", "42."} {
			fmt.Fprintf(w, `data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":%q}}]}`+"\n\n", piece)
			w.(http.Flusher).Flush()
		}
		fmt.Fprint(w, `data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":4,"total_tokens":9}}`+"\n\ndata: [DONE]\n\n")
	}))
	defer upstream.Close()
	off := false
	c := summit.Config{Members: map[string]summit.Member{
		"a": {Use: "openai", BaseURL: upstream.URL + "/v1", Model: "m"},
		"b": {Use: "openai", BaseURL: upstream.URL + "/v1", Model: "m"},
		"c": {Use: "openai", BaseURL: upstream.URL + "/v1", Model: "m"},
	}, Models: map[string]summit.Model{
		"all": {Use: "vote", Members: []string{"a", "b", "c"}},
	}}
	c.Discover.Enabled = &off
	c.Log.Level = "error"
	url := serve(t, c)
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	client := &http.Client{Transport: transport}

	models := []string{"a", "summit", "all"}
	run := func(n int64) {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for i := next.Add(1); i <= n; i = next.Add(1) {
					body := map[string]any{"model": models[i%3], "messages": []any{map[string]any{"role": "user", "content": "6*7=?"}}}
					if i%5 == 0 {
						body["stream"] = true
						leave(t, client, url, body)
						continue
					}
					if status, b, err := post(client, url, body); err != nil || status != http.StatusOK || !bytes.Contains(b, []byte("The answer is 42.")) {
						t.Errorf("request %d: status %d, %.200s, %v", i, status, b, err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	// Connections close, what was learned is written down, and the runtime's own
	// goroutines come and go, behind everybody's back: the fewest of many looks
	// is what is left, and there is time for it to become as few as were wanted.
	settle := func(want int) (goroutines int, rss int64) {
		goroutines = math.MaxInt
		for look := 0; look < 25 || goroutines > want && look < 1000; look++ {
			transport.CloseIdleConnections()
			upstream.CloseClientConnections()
			runtime.GC()
			goroutines = min(goroutines, runtime.NumGoroutine())
			time.Sleep(20 * time.Millisecond)
		}
		debug.FreeOSMemory()
		return goroutines, residentBytes(t)
	}
	run(requests / 5)
	before, rssBefore := settle(math.MaxInt)
	start := time.Now()
	run(requests)
	took := time.Since(start)
	after, rssAfter := settle(before)
	t.Logf("%d requests with %d clients in %v: goroutines %d -> %d, resident %d -> %d KiB",
		requests, clients, took.Round(time.Millisecond), before, after, rssBefore>>10, rssAfter>>10)
	if after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	}
	// Flat: far less than one answer's worth for each request. The race
	// detector's own memory would drown it.
	if raceDetector {
		return
	}
	if grown := rssAfter - rssBefore; grown > 8<<20 {
		t.Errorf("resident memory grew by %d KiB", grown>>10)
	}
}

// leave reads the first line of a stream and goes away.
func leave(t *testing.T, client *http.Client, url string, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		t.Error(err)
		return
	}
	resp, err := client.Post(url+"/v1/chat/completions", "application/json", bytes.NewReader(b))
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	line := make([]byte, 6)
	if _, err := io.ReadFull(resp.Body, line); err != nil || string(line) != "data: " {
		t.Errorf("stream begins with %q, %v", line, err)
	}
}

// residentBytes is 0 where the system doesn't say.
func residentBytes(t *testing.T) int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			var kib int64
			if _, err := fmt.Sscan(rest, &kib); err != nil {
				t.Fatalf("VmRSS: %v", err)
			}
			return kib << 10
		}
	}
	return 0
}
