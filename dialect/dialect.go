// Package dialect is the public protocols that Summit speaks, each written
// once and used in both directions: the gateway decodes what a client sends
// and encodes what it gets; a member encodes what a vendor gets and decodes
// what it sends.
//
// Its nouns are Server (a protocol as the gateway speaks it), Call (one
// decoded request), Encoder (the answer on its way out), Quirks (how a vendor
// leaves the protocol, as data), ChatStream, MessageStream, ResponseStream and
// GeminiStream (a vendor's answer on its way in) and FrameReader (server-sent
// events). Each protocol lives in the files that begin with its name; in those
// called _ask and _stream it is spoken with vendors. The next protocol is a file of its own that implements
// Server and calls RegisterServer in its init; nothing else is edited.
//
// Nothing here opens a connection or keeps a prompt.
package dialect

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"summit/llm"
)

// Server is one public protocol as the gateway speaks it. It keeps nothing
// between calls and may be used by many at once.
type Server interface {
	Name() string    // as in logs: "openai"
	Pattern() string // for http.ServeMux: "POST /v1/chat/completions"
	// Decode reads one request. It keeps no reference to body. The error is
	// an *llm.Error of kind Invalid whose Param is the path of the field.
	Decode(body []byte) (*Call, error)
	// WriteError writes status, headers and body of an error in this protocol.
	WriteError(w http.ResponseWriter, err *llm.Error)
}

// Counter is a Server that also counts the tokens of a request.
type Counter interface {
	Server
	CountPattern() string // for http.ServeMux
	DecodeCount(body []byte) (*llm.Request, error)
	AppendCount(dst []byte, n llm.Count) []byte // the body of the answer
}

// Lister is a Server that has a form of its own for the list of models, under
// the same paths as OpenAI's.
type Lister interface {
	Server
	Lists(h http.Header) bool // the caller speaks this protocol
	AppendModels(dst []byte, models []ModelEntry) []byte
	AppendModel(dst []byte, m ModelEntry) []byte
}

// ModelEntry is one model of a list.
type ModelEntry struct {
	Name    string
	Created time.Time
}

// Call is one decoded request.
type Call struct {
	Request *llm.Request
	N       int  // answers asked for, at least 1
	Stream  bool // the answer is to be streamed
	// Encoder returns the encoder of this call's answer.
	Encoder func(Meta) Encoder
}

// Meta is what the gateway knows of an answer before it comes.
type Meta struct {
	ID      string    // the answer's id, the same on every chunk
	Created time.Time // when the request came
	Model   string    // the model's name as the caller asked for it
}

// Encoder writes the answers of one call. It is used by one goroutine. The
// Append methods add whole server-sent events to dst and return it.
type Encoder interface {
	// Whole returns the body of a plain answer with one choice a reply.
	Whole(replies []*llm.Reply) ([]byte, error)
	// AppendEvent adds an event of that choice, err being what stood beside
	// it. Done becomes the choice's finish chunk, or, with an error, an error
	// event after which nothing more is added. Some events add nothing.
	AppendEvent(dst []byte, choice int, e llm.Event, err error) []byte
	// AppendEnd adds what follows after every choice's Done: usage if the
	// caller asked for it, and the end mark. It adds nothing after an error,
	// because a broken answer has no clean end.
	AppendEnd(dst []byte) []byte
	// AppendHeartbeat adds a comment that keeps the connection alive.
	AppendHeartbeat(dst []byte) []byte
}

var (
	serversMu sync.Mutex
	servers   = map[string]Server{}
)

// RegisterServer adds a protocol. It is called from the init of the
// protocol's file; a second one of that name is a programming error.
func RegisterServer(s Server) {
	serversMu.Lock()
	defer serversMu.Unlock()
	if _, taken := servers[s.Name()]; taken || s.Name() == "" {
		panic(fmt.Sprintf("dialect: protocol %q: empty or registered twice", s.Name()))
	}
	servers[s.Name()] = s
}

// Servers returns all protocols by name.
func Servers() []Server {
	serversMu.Lock()
	defer serversMu.Unlock()
	all := make([]Server, 0, len(servers))
	for _, s := range servers {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Server) int { return strings.Compare(a.Name(), b.Name()) })
	return all
}

// an returns a word with its article.
func an[T ~string](word T) string {
	if word != "" && strings.ContainsRune("aeio", rune(word[0])) {
		return "an " + string(word)
	}
	return "a " + string(word)
}
