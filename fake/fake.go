// Package fake is servers that speak and misbehave like the vendors do, for
// the tests of whoever integrates them and for `summit fake`. They answer
// made-up text, bill nothing and reach nothing.
//
// They are written from the protocols and share no encoder, decoder or signer
// with the members that they test: a mistake made twice is found here.
//
// Its nouns are Vendor (who is faked), Server (a running fake), Ask and Reply
// (what came and what goes), Fault (what breaks) and Deviation (how a vendor
// leaves the common protocol). One more vendor is one file that registers
// itself; one that speaks the OpenAI protocol is data only.
package fake

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Vendor is one server that can be faked.
type Vendor struct {
	Name     string
	About    string
	Protocol string // for people
	Kind     string // the kind of Summit's members that speaks to it
	Base     string // where its API begins below the address, such as /v1
	Model    string // the model that it serves
	Key      string // the key that it takes; empty = it asks for none
	// Deviations are those of the vendor; they are on unless Options says otherwise.
	Deviations []string
	// Cannot says what the vendor, or the model that it serves, does not do,
	// and why or where that is known from.
	Cannot map[Scenario]string
	// Notes say what is peculiar about something that it does.
	Notes map[Scenario]string
	// Unknown are the faults for which no word of the vendor is known.
	Unknown []string
	// Vectors is the model that turns texts into vectors.
	Vectors Vectors
	// Returns says that the vendor wants the thoughts of a turn with calls
	// back, together with the calls.
	Returns bool
	// Signed says that thoughts come back with a signature or not at all.
	Signed bool
	params func(address string) string // parameters that its member needs, as JSON; nil = none
	door   door
}

// door is one protocol: it adds its routes.
type door interface {
	mount(mux *http.ServeMux, s *Server)
}

// Params returns the parameters that a member needs to reach a fake at the
// address, such as http://127.0.0.1:9300, as JSON; empty = none.
func (v *Vendor) Params(address string) string {
	if v.params == nil {
		return ""
	}
	return v.params(address)
}

var vendors = map[string]*Vendor{}

// register adds a vendor. It is called from the init of the vendor's file.
func register(v Vendor) {
	if _, taken := vendors[v.Name]; taken || v.Name == "" || v.door == nil {
		panic(fmt.Sprintf("fake: vendor %q: empty, without a protocol, or registered twice", v.Name))
	}
	for _, d := range v.Deviations {
		if !known(d) {
			panic(fmt.Sprintf("fake: vendor %s: %q is no deviation", v.Name, d))
		}
	}
	vendors[v.Name] = &v
}

// Vendors returns all vendors by name.
func Vendors() []*Vendor {
	all := slices.Collect(maps.Values(vendors))
	slices.SortFunc(all, func(a, b *Vendor) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Options is how a Server behaves. The zero value is the vendor as it is.
type Options struct {
	Key        string           // the key that it takes; empty = the vendor's
	Model      string           // the model that it serves; empty = the vendor's
	Fault      string           // what breaks in every answer; empty = nothing
	Times      int              // how many answers break, from the first on; 0 = all
	Deviations []string         // that are on besides the vendor's; -NAME turns one off
	Gap        time.Duration    // between the pieces of a stream
	Now        func() time.Time // the clock that signatures are held against; nil = time.Now
}

// Server is a fake that answers. It is an http.Handler for any number of
// requests at a time.
type Server struct {
	Vendor *Vendor
	key    string
	model  string
	fault  string
	times  int
	gap    time.Duration
	on     map[string]bool
	now    func() time.Time
	mux    *http.ServeMux

	mu      sync.Mutex
	asked   int
	broke   map[string]int // answers that broke, by the words that asked for it
	log     []Exchange     // the last ones
	aborted []time.Time
	issued  map[string]time.Time // tokens that it gave out, with their end
}

// Exchange is one request that the fake understood, and its answer.
type Exchange struct {
	Ask   Ask
	Reply Reply
}

// maxLog is how many exchanges are kept.
const maxLog = 64

// maxBody is the longest request; a few images fit.
const maxBody = 32 << 20

// New returns a fake of the vendor. The error names what is unknown.
func New(vendor string, o Options) (*Server, error) {
	v := vendors[vendor]
	if v == nil {
		return nil, fmt.Errorf("fake: vendor: got %q, want one of %s", vendor, strings.Join(slices.Sorted(maps.Keys(vendors)), ", "))
	}
	s := &Server{Vendor: v, key: v.Key, model: v.Model, fault: o.Fault, times: o.Times, gap: o.Gap, now: o.Now, on: map[string]bool{}, mux: http.NewServeMux(),
		broke: map[string]int{}, issued: map[string]time.Time{}}
	if o.Key != "" {
		s.key = o.Key
	}
	if o.Model != "" {
		s.model = o.Model
	}
	if s.now == nil {
		s.now = time.Now
	}
	if o.Fault != "" && !isFault(o.Fault) {
		return nil, fmt.Errorf("fake: fault: got %q, want one of %s", o.Fault, strings.Join(names(Faults()), ", "))
	}
	if o.Times < 0 {
		return nil, fmt.Errorf("fake: times: got %d, want zero (all) or more", o.Times)
	}
	for _, d := range v.Deviations {
		s.on[d] = true
	}
	if err := turn(s.on, o.Deviations); err != nil {
		return nil, err
	}
	v.door.mount(s.mux, s)
	return s, nil
}

// turn turns deviations on, or off where a minus stands before the name.
func turn(on map[string]bool, words []string) error {
	for _, w := range words {
		name, off := strings.CutPrefix(w, "-")
		if !known(name) {
			return fmt.Errorf("fake: deviation: got %q, want one of %s", w, strings.Join(names(Deviations()), ", "))
		}
		on[name] = !off
	}
	return nil
}

// Key returns the key that the fake takes, empty = none.
func (s *Server) Key() string { return s.key }

// Model returns the model that the fake serves.
func (s *Server) Model() string { return s.model }

// ServeHTTP answers as the vendor would.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Summit-Fake", s.Vendor.Name) // nobody takes it for the vendor
	s.mux.ServeHTTP(w, r)
}

// Log returns the last exchanges, the newest last.
func (s *Server) Log() []Exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Asked returns how many requests the fake understood.
func (s *Server) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Aborted returns when clients went away in the middle of an answer.
func (s *Server) Aborted() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.aborted)
}

func (s *Server) note(e Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if len(s.log) == maxLog {
		s.log = slices.Delete(s.log, 0, 1)
	}
	s.log = append(s.log, e)
}

// breaks reports whether one more answer may break, of those times that were
// asked for in these words. Words are forgotten where there are too many.
func (s *Server) breaks(words string, times int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.broke) >= maxLog && s.broke[words] == 0 {
		clear(s.broke)
	}
	if s.broke[words] >= times {
		return false
	}
	s.broke[words]++
	return true
}

func (s *Server) abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.aborted) < maxLog {
		s.aborted = append(s.aborted, s.now())
	}
}

// doors is a door made of several.
type doors []door

func (d doors) mount(mux *http.ServeMux, s *Server) {
	for _, one := range d {
		one.mount(mux, s)
	}
}

// route is a door of one route.
type route struct {
	pattern string
	serve   func(s *Server, w http.ResponseWriter, r *http.Request)
}

func (d route) mount(mux *http.ServeMux, s *Server) {
	mux.HandleFunc(d.pattern, func(w http.ResponseWriter, r *http.Request) { d.serve(s, w, r) })
}

// issue gives out a token that holds for that long.
func (s *Server) issue(d time.Duration) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.issued) >= maxLog {
		clear(s.issued)
	}
	token := fmt.Sprintf("fake-token-%d", s.now().UnixNano())
	s.issued[token] = s.now().Add(d)
	return token
}

// holds reports whether the token was given out and has not expired.
func (s *Server) holds(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	end, ok := s.issued[token]
	return ok && s.now().Before(end)
}

// halves returns the two halves of a key that has them.
func (s *Server) halves() (id, secret string) {
	id, secret, _ = strings.Cut(s.key, ":")
	return id, secret
}

// exchange is one request on its way through.
type exchange struct {
	s      *Server
	w      http.ResponseWriter
	r      *http.Request
	body   []byte
	ask    Ask
	on     map[string]bool
	fault  string
	gap    time.Duration
	frames int             // of the answer, sent so far
	socket *socket         // where the answer goes; nil = the HTTP response
	gone   context.Context // ends when the client leaves; nil = the request's
}

// is reports whether a deviation is on.
func (x *exchange) is(deviation string) bool { return x.on[deviation] }

// ctx ends when the client goes away.
func (x *exchange) ctx() context.Context {
	if x.gone != nil {
		return x.gone
	}
	return x.r.Context()
}

// bearer returns the key of the Authorization header.
func (x *exchange) bearer() string {
	key, _ := strings.CutPrefix(x.r.Header.Get("Authorization"), "Bearer ")
	return key
}

// begin reads the body. Where there is none to read, it answers and returns nil.
func (s *Server) begin(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{s: s, w: w, r: r, on: maps.Clone(s.on), fault: s.fault, gap: s.gap}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the body can't be read", http.StatusBadRequest)
		return nil
	}
	x.body = body
	return x
}

// asked is a codec that says who may ask, and reads what is asked.
type asked interface {
	codec
	authorised(x *exchange) *problem
	read(x *exchange) *problem
}

// serve reads one request and answers it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, c asked) {
	x := s.begin(w, r)
	if x == nil {
		return
	}
	p := c.authorised(x)
	if p == nil {
		p = c.read(x)
	}
	if p != nil {
		x.refuse(c, *p)
		return
	}
	x.answer(c)
}

// directed obeys what the last words of the user ask of the fake itself:
// [[fake fault=cut times=1 deviation=crlf,usage-none gap=1s]].
func (x *exchange) directed() *problem {
	words, times := x.ask.directive(), x.s.times
	for _, word := range strings.Fields(words) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "fault":
			if !isFault(value) {
				return &problem{what: invalid, message: fmt.Sprintf("fake: fault %q is none", value)}
			}
			x.fault = value
		case "times":
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 {
				return &problem{what: invalid, message: fmt.Sprintf("fake: times %q, want a number above zero", value)}
			}
			times = n
		case "deviation":
			if err := turn(x.on, strings.Split(value, ",")); err != nil {
				return &problem{what: invalid, message: err.Error()}
			}
		case "gap":
			d, err := time.ParseDuration(value)
			if err != nil || d < 0 || d > time.Hour {
				return &problem{what: invalid, message: fmt.Sprintf("fake: gap %q, want a time such as 20ms", value)}
			}
			x.gap = d
		}
	}
	if x.fault != "" && times > 0 && !x.s.breaks(words, times) {
		x.fault = ""
	}
	return nil
}
