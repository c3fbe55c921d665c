package summit

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"summit/identity"
	"summit/learn"
	"summit/llm"
	"summit/run"
)

// secretPrompt is what no store and no log may hold.
const secretPrompt = "The zebra of Qiqihar keeps 4711 umbrellas"

// teach opens a Summit with a brain that takes one for right, in a data
// directory of its own.
func teach(t *testing.T, dir string, change func(*Brain)) *Summit {
	t.Helper()
	c := Config{
		DataDir: dir, Members: map[string]Member{"one": says("The answer is 1."), "two": says("The answer is 2.")},
		Brain: Brain{File: trained(t, "one", "two")},
	}
	if change != nil {
		change(&c.Brain)
	}
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// serveOne asks the model as the gateway does, and keeps what happened.
func serveOne(t *testing.T, s *Summit, id, tenant, question string) string {
	t.Helper()
	m, err := shown{s}.Model("summit")
	if err != nil {
		t.Fatal(err)
	}
	ctx := run.Recording(identity.Asking(t.Context(), identity.Key{ID: "key_x", Tenant: tenant}), id)
	reply, err := llm.Collect(m.Generate(ctx, ask(question)))
	if err != nil {
		t.Fatal(err)
	}
	s.serving.runs.Add(run.Entry{ID: id, At: time.Now(), Tenant: tenant, KeyID: "key_x", Model: "summit", Status: 200}, reply.Outcome)
	return reply.Text
}

// A tenant that calls a member's answers bad is answered by another one, and
// nobody else is. Nothing of the prompts is on the disk.
func TestTenantsFeedbackChangesWhomItsRequestsAsk(t *testing.T) {
	dir := t.TempDir()
	s := teach(t, dir, func(b *Brain) { b.Learn = learnTenants; b.File = trainedWith(t, 0.85, "one", 0.8, "two") })
	if got := serveOne(t, s, "first", "lab", secretPrompt); got != "The answer is 1." {
		t.Fatalf("at first %q", got)
	}
	for i := range 60 {
		id := fmt.Sprintf("run-%d", i)
		score := 0.0
		if serveOne(t, s, id, "lab", secretPrompt+fmt.Sprint(i)) == "The answer is 2." {
			score = 1
		}
		f := run.Feedback{Run: id, At: time.Now(), Score: score, Source: run.SourceUser, KeyID: "key_x", Tenant: "lab"}
		if err := s.serving.runs.AddFeedback(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	if got := serveOne(t, s, "late", "lab", secretPrompt); got != "The answer is 2." {
		t.Errorf("after a dozen bad answers the tenant gets %q", got)
	}
	if got := serveOne(t, s, "other", "office", secretPrompt); got != "The answer is 1." {
		t.Errorf("another tenant gets %q", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	store, err := OpenRuns(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	overlays, err := learn.OverlaysOf(t.Context(), store, "lab")
	if err != nil || len(overlays) == 0 || overlays[0].Member != "one" || overlays[0].Shift > -0.05 {
		t.Errorf("kept overlays %+v, %v", overlays, err)
	}
	e, err := store.Get(t.Context(), "first")
	if err != nil || e.Lesson == nil || len(e.Lesson.Features) != 128 || e.Lesson.Space == "" || len(e.Lesson.Asks) == 0 {
		t.Fatalf("lesson %+v, %v", e.Lesson, err)
	}
	if a := e.Lesson.Asks[0]; a.Member != "one" || !a.Asked || a.Chance != 1_000_000 || a.Right == 0 || a.Cluster == "" || a.Cluster != e.Lesson.Answer {
		t.Errorf("ask %+v of %+v", a, e.Lesson)
	}
	noWords(t, dir)
}

// noWords fails where a file of the data directory holds words of a prompt or
// of an answer.
func noWords(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for _, word := range []string{"zebra", "Qiqihar", "umbrellas", "answer is"} {
			if strings.Contains(string(data), word) {
				t.Errorf("%s holds %q", filepath.Base(path), word)
			}
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("%d files, %v", files, err)
	}
}

// With learning off there are no lessons, no overlays and no asks in the
// shadow.
func TestLearningOff(t *testing.T) {
	for learn, want := range map[string]bool{learnOff: false, "": true} {
		dir := t.TempDir()
		s := teach(t, dir, func(b *Brain) { b.Learn = learn })
		serveOne(t, s, "a", "lab", secretPrompt)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		store, err := OpenRuns(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		e, err := store.Get(t.Context(), "a")
		if err != nil || (e.Lesson != nil) != want {
			t.Errorf("learn %q: lesson %+v, %v, want one: %v", learn, e.Lesson, err, want)
		}
		store.Close()
		noWords(t, dir)
	}
}

func TestLearningConfig(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := Load(Sources{Path: write(t, text), Env: env()})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	f("brain: {learn: off}", "")
	f("brain: {learn: tenants, shadow: {share: 0.01, max_day: 2.5}}", "")
	f("brain: {learn: everything}", "brain.learn")
	f("brain: {shadow: {share: 1.5}}", "brain.shadow.share")
	f("brain: {shadow: {max_day: -1}}", "brain.shadow.max_day")
	f("brain: {learn: off, shadow: {share: 0.1}}", "nothing could be learned")
}
