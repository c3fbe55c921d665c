package record

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Suite is the recordings of one suite: every question of the splits that
// were read, every member that has rows, and a Cell for each pair. It is
// read-only once it was built and may be shared.
type Suite struct {
	Name      string
	Questions []Question
	Members   []Member // by name

	splits []string // of Questions
	cells  []Cell   // [question][member]
	index  map[string]int
}

// Cell is what one member did with one question.
type Cell struct {
	Asked     bool    // there is a row; the rest is zero without one
	HasVote   bool    // Answer can be compared with others'
	Answer    string  // as recorded; empty where none was
	Score     float64 // 0 to 1
	CostUSD   float64 // estimated; a statistic
	TokensIn  float64 // estimated
	TokensOut float64 // estimated, of the visible reply
	Hidden    float64 // reasoning tokens that the source did not record; assumed
	Marked    bool    // a judging model has marked the reply
	Mark      float64 // its mark, 0 to 1
}

// Said returns the answer as a reply: as recorded, in quotes where it would
// be lost bare (nothing, blanks around it, several lines), so that an answer
// that is the empty text is not taken for silence. It is empty where the cell
// holds no vote.
func (c *Cell) Said() string {
	switch {
	case !c.HasVote:
		return ""
	case c.Answer == "", strings.TrimSpace(c.Answer) != c.Answer, strings.ContainsAny(c.Answer, "\n\r"):
		return strconv.Quote(c.Answer)
	}
	return c.Answer
}

// Cell returns what member m did with question q, both by index.
func (s *Suite) Cell(q, m int) *Cell { return &s.cells[q*len(s.Members)+m] }

// Index returns the index of the member of that name.
func (s *Suite) Index(member string) (int, bool) {
	i, ok := s.index[member]
	return i, ok
}

// In returns the indices of the questions of these splits, in order.
func (s *Suite) In(splits ...string) []int {
	var qs []int
	for q, split := range s.splits {
		if slices.Contains(splits, split) {
			qs = append(qs, q)
		}
	}
	return qs
}

// Split returns the split that question q is from.
func (s *Suite) Split(q int) string { return s.splits[q] }

// Pools are the ones that results are published for. A pool may also be an
// explicit list, names joined by "+".
var Pools = []string{"all", "domestic", "small", "plain"}

// maxMissing is the share of questions that a member of a pool may have no
// row for.
const maxMissing = 0.02

// plainOut matches the names that are left out of the pool "plain": models
// that think before they answer.
var plainOut = regexp.MustCompile(`^(o1|O1|QwQ)|Thinking$`)

// ErrNoMember is wrapped where a pool names a member that has no rows in the
// suite.
var ErrNoMember = errors.New("no member")

// named returns the index of a member by the name that it has in this suite,
// or by the one that it has in another of the mix's parts.
func (s *Suite) named(member string) (int, bool) {
	if m, ok := s.index[member]; ok {
		return m, true
	}
	for one, other := range alias {
		for _, pair := range [][2]string{{one, other}, {other, one}} {
			if m, ok := s.index[pair[1]]; ok && pair[0] == member {
				return m, true
			}
		}
	}
	return 0, false
}

// Pool returns the indices of a pool's members, in the order of s.Members, or
// of the list. Members that have no row for more than 2 % of either group of
// questions are left out; base models are in no pool but "all" of mmlupro,
// unless a list names them.
func (s *Suite) Pool(name string, groups ...[]int) ([]int, error) {
	var pool []int
	if slices.Contains(Pools, name) {
		for m := range s.Members {
			if s.inPool(name, &s.Members[m]) {
				pool = append(pool, m)
			}
		}
	} else {
		for member := range strings.SplitSeq(name, "+") {
			m, ok := s.named(member)
			if !ok {
				return nil, fmt.Errorf("record: %s: pool %q: %w %q; want %s, or members of the suite", s.Name, clip(name), ErrNoMember, clip(member), strings.Join(Pools, ", "))
			}
			if slices.Contains(pool, m) {
				return nil, fmt.Errorf("record: %s: pool %q: member %q twice", s.Name, clip(name), clip(member))
			}
			pool = append(pool, m)
		}
	}
	return slices.DeleteFunc(pool, func(m int) bool {
		return slices.ContainsFunc(groups, func(qs []int) bool { return s.missing(m, qs) > maxMissing })
	}), nil
}

func (s *Suite) inPool(name string, m *Member) bool {
	if m.BaseModel {
		return name == "all" && s.Name == "mmlupro"
	}
	switch name {
	case "domestic":
		return m.Country == "CN"
	case "small":
		return m.ParamsB != nil && *m.ParamsB <= 14
	case "plain":
		return !plainOut.MatchString(m.Name)
	}
	return true
}

// missing returns the share of the questions that member m has no row for.
func (s *Suite) missing(m int, qs []int) float64 {
	if len(qs) == 0 {
		return 0
	}
	n := 0
	for _, q := range qs {
		if !s.Cell(q, m).Asked {
			n++
		}
	}
	return float64(n) / float64(len(qs))
}

// builder gathers questions and rows into a Suite.
type builder struct {
	name      string
	questions []Question
	splits    []string
	tokensIn  []float64 // of questions
	byID      map[string]int
	known     map[string]int // index into members
	members   []Member
	cells     map[pair]Cell
	seen      []bool            // members with rows
	with      int               // how many
	answers   map[string]string // one copy of each text
}

type pair struct{ question, member int }

func newBuilder(name string, members []Member) *builder {
	b := &builder{
		name: name, members: members, seen: make([]bool, len(members)),
		byID: map[string]int{}, known: map[string]int{}, cells: map[pair]Cell{}, answers: map[string]string{},
	}
	for i := range members {
		b.known[members[i].Name] = i
	}
	return b
}

func (b *builder) question(split string, q *Question) error {
	if err := q.valid(b.name); err != nil {
		return err
	}
	if _, twice := b.byID[q.ID]; twice {
		return fmt.Errorf("question %q twice", clip(q.ID))
	}
	b.byID[q.ID] = len(b.questions)
	b.questions = append(b.questions, *q)
	b.splits = append(b.splits, split)
	b.tokensIn = append(b.tokensIn, q.TokensIn())
	return nil
}

func (b *builder) row(r *Row) error {
	if err := r.valid(b.name); err != nil {
		return err
	}
	q, ok := b.byID[r.QuestionID]
	if !ok {
		return fmt.Errorf("question %q is in no questions file of the split", clip(r.QuestionID))
	}
	m, ok := b.known[r.Member]
	if !ok {
		return fmt.Errorf("member %q is not in %s", clip(r.Member), membersFile)
	}
	if _, twice := b.cells[pair{q, m}]; twice {
		return fmt.Errorf("member %q answers question %q twice", clip(r.Member), clip(r.QuestionID))
	}
	c := Cell{
		Asked: true, Score: r.Value(),
		TokensIn: b.tokensIn[q], TokensOut: b.questions[q].TokensOut(r), Hidden: b.members[m].HiddenTokens[b.name],
	}
	_, c.HasVote = r.Vote()
	if r.ScoreGPT4Judge != nil {
		c.Marked, c.Mark = true, *r.ScoreGPT4Judge
	}
	if r.Answer != nil {
		c.Answer, ok = b.answers[*r.Answer]
		if !ok {
			c.Answer = *r.Answer
			b.answers[c.Answer] = c.Answer
		}
	}
	if !b.seen[m] {
		if b.with++; b.with*len(b.questions) > maxCells {
			return fmt.Errorf("%d questions and %d members or more, want at most %d pairs of them", len(b.questions), b.with, maxCells)
		}
	}
	c.CostUSD = b.members[m].Cost(c.TokensIn, c.TokensOut+c.Hidden)
	b.cells[pair{q, m}], b.seen[m] = c, true
	return nil
}

func (b *builder) suite() *Suite {
	s := &Suite{Name: b.name, Questions: b.questions, splits: b.splits}
	for m, seen := range b.seen {
		if seen {
			s.Members = append(s.Members, b.members[m])
		}
	}
	s.seal()
	for at, c := range b.cells {
		*s.Cell(at.question, s.index[b.members[at.member].Name]) = c
	}
	return s
}

// seal sorts the members, indexes them and makes room for the cells.
func (s *Suite) seal() {
	slices.SortFunc(s.Members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	s.index = make(map[string]int, len(s.Members))
	for i := range s.Members {
		s.index[s.Members[i].Name] = i
	}
	s.cells = make([]Cell, len(s.Questions)*len(s.Members))
}

// New builds a suite from questions and rows in memory, all of one split: a
// suite that was written by hand rather than read. Every row's member must be
// among members.
func New(name, split string, members []Member, questions []Question, rows []Row) (*Suite, error) {
	for i := range members {
		if err := members[i].valid(); err != nil {
			return nil, fmt.Errorf("record: %s: %w", name, err)
		}
	}
	b := newBuilder(name, members)
	for i := range questions {
		if err := b.question(split, &questions[i]); err != nil {
			return nil, fmt.Errorf("record: %s: question %d: %w", name, i+1, err)
		}
	}
	for i := range rows {
		if err := b.row(&rows[i]); err != nil {
			return nil, fmt.Errorf("record: %s: row %d: %w", name, i+1, err)
		}
	}
	return b.suite(), nil
}
