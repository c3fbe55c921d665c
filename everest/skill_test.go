package everest

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestAnswers checks the generators against other ways to the same result.
func TestAnswers(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(Work(37, '*', 48), "37*8=296 37*40=1480 6+0=6 9+8=17 2+4+1=7 0+1=1 →1776")
	f(Work(478, '+', 356), "8+6=14 7+5+1=13 4+3+1=8 →834")
	f(Work(832, '-', 457), "12-7=5 13-5-1=7 8-4-1=3 →375")
	f(Work(5, '-', 12), "5<12 12-5=7 1-0-1=0 →-7")
	f(Work(867, '/', 7), "8/7=1余1 16/7=2余2 27/7=3余6 →123余6")
	f(Chinese(0), "零")
	f(Chinese(10), "十")
	f(Chinese(115), "一百一十五")
	f(Chinese(1005), "一千零五")
	f(Chinese(10205), "一万零二百零五")
	f(Chinese(100000), "十万")
	f(Chinese(120034), "十二万零三十四")
	f(Chinese(450000), "四十五万")
	f(Financial(1234), "壹仟贰佰叁拾肆元整")
	f(Roman(1994), "MCMXCIV")
	f(English(7015), "seven thousand fifteen")
	f(simplify("not true or (false and true)"), "false or (false and true) = false or false = →false")
	f(compare("9.11", "9.9"), "9.11 9.90 1<9 →9.9")
	f(Later(time.Date(2024, 2, 27, 0, 0, 0, 0, time.UTC), 10, false), "27+10=37 2024-02有29天 37-29=8 2024-03有31天 →2024-03-08")
	f(Later(time.Date(2024, 3, 8, 0, 0, 0, 0, time.UTC), 10, true), "10-8=2 2024-02有29天 29-2=27 →2024-02-27")
	f(conclusion("a=b →7 days"), "7 days")
}

// TestSumsAreRight: whatever the wording, the conclusion is the result.
func TestSumsAreRight(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		e := makeSum(r)
		i := strings.IndexAny(e.Key[1:], "+-*/") + 1
		a, _ := strconv.Atoi(e.Key[:i])
		b, _ := strconv.Atoi(e.Key[i+1:])
		want := map[byte]int{'+': a + b, '-': a - b, '*': a * b}[e.Key[i]]
		c := conclusion(e.Answer)
		if e.Key[i] == '/' {
			q, rest, _ := strings.Cut(c, "余")
			x, _ := strconv.Atoi(q)
			y, _ := strconv.Atoi(rest)
			if x*b+y != a || y >= b {
				t.Fatalf("%s is %s", e.Key, c)
			}
			continue
		}
		if c != strconv.Itoa(want) {
			t.Fatalf("%s is %s, want %d", e.Key, c, want)
		}
	}
}

func TestLaterIsTheCalendars(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		at := time.Date(between(r, 1950, 2049), 1, 1+r.IntN(365), 0, 0, 0, 0, time.UTC)
		n := between(r, 1, 200)
		if got, want := conclusion(Later(at, n, false)), at.AddDate(0, 0, n).Format("2006-01-02"); got != want {
			t.Fatalf("%v + %d days is %s, want %s", at, n, got, want)
		}
		if got, want := conclusion(Later(at, n, true)), at.AddDate(0, 0, -n).Format("2006-01-02"); got != want {
			t.Fatalf("%v - %d days is %s, want %s", at, n, got, want)
		}
	}
}

// TestSkills: every skill accepts its own answers and no refusal, and never
// trains on what is held out.
func TestSkills(t *testing.T) {
	if len(Skills()) != 7 {
		t.Fatalf("%d skills, want seven", len(Skills()))
	}
	archs := map[string]bool{}
	for _, s := range Skills() {
		archs[s.Arch] = true
		held := map[string]bool{}
		questions, err := Tests(s.Name)
		if err != nil || len(questions) != testSize {
			t.Fatalf("%s: %d questions, %v", s.Name, len(questions), err)
		}
		for _, q := range questions {
			held[q.Text] = true
			if s.Right(s.Refusal(q.Lang), q.Reference) || s.Right("", q.Reference) {
				t.Errorf("%s accepts a refusal of %q", s.Name, q.Text)
			}
			if s.Make != nil && !s.Right(q.Reference+"\n", q.Reference) {
				t.Errorf("%s does not accept %q", s.Name, q.Reference)
			}
		}
		if s.Make == nil {
			continue
		}
		var b, c bytes.Buffer
		o := DataOptions{Skill: s.Name, N: 3000, Seed: 7, Refusals: 0.1}
		if err := Data(&b, o); err != nil {
			t.Fatal(err)
		}
		if err := Data(&c, o); err != nil || !bytes.Equal(b.Bytes(), c.Bytes()) {
			t.Errorf("%s: the data is not decided by its options: %v", s.Name, err)
		}
		refused := 0
		for line := range strings.Lines(b.String()) {
			var d struct{ Messages []message }
			if err := json.Unmarshal([]byte(line), &d); err != nil || len(d.Messages) != 2 {
				t.Fatalf("%s: %q: %v", s.Name, line, err)
			}
			if held[d.Messages[0].Content] {
				t.Errorf("%s trains on %q of the tests", s.Name, d.Messages[0].Content)
			}
			if Refused(d.Messages[1].Content) {
				refused++
			}
		}
		if refused < 200 || refused > 500 {
			t.Errorf("%s: %d refusals in 3000 examples, want about 330", s.Name, refused)
		}
	}
	if len(archs) != 7 {
		t.Errorf("%d architectures, want seven", len(archs))
	}
}
