package fake

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
)

// Ask is what a fake understood of a request, whatever its protocol.
type Ask struct {
	Vendor    string
	Model     string
	Stream    bool
	Turns     []Turn
	Tools     []Tool
	Choice    string          // auto, none, required or a tool's name; empty = unset
	Schema    json.RawMessage // of the answer; nil = none
	JSON      bool            // the answer is to be JSON
	Thinks    bool            // the model is to think
	Effort    string          // how hard, in the vendor's word; empty = unset
	MaxTokens int
	OneCall   bool     // the protocol carries one call at a time
	Size      int      // of the vectors that are asked for; 0 = none are
	Base64    bool     // and they are asked for in base64
	Continues bool     // the last turn is a text to continue, not a question
	Fields    []string // the names of the request's fields, as they came
}

// Turn is one turn of the conversation.
type Turn struct {
	Role     string // system, user, assistant or tool
	Text     string
	Images   []Image
	Calls    []Call
	Thoughts string // what an assistant's turn says that it thought
	Sign     string // the signature of the thoughts
	CallID   string // tool: whose result it is
}

// Image is an image of a request: its bytes or where it is.
type Image struct {
	MIME  string
	Bytes int
	URL   string
}

// Tool is a tool that may be called.
type Tool struct {
	Name       string
	Parameters json.RawMessage
}

// Call is one call of a tool; Args is a JSON object.
type Call struct{ ID, Name, Args string }

// last returns the last turn of that role.
func (a *Ask) last(role string) Turn {
	for i := len(a.Turns) - 1; i >= 0; i-- {
		if a.Turns[i].Role == role {
			return a.Turns[i]
		}
	}
	return Turn{}
}

var directive = regexp.MustCompile(`\[\[fake ([^\]]*)\]\]`)

// directive returns what the user's last words ask of the fake itself.
func (a *Ask) directive() string {
	if m := directive.FindStringSubmatch(a.last("user").Text); m != nil {
		return m[1]
	}
	return ""
}

// tokens pretends that every character is a token.
func (a *Ask) tokens() int {
	n := 8
	for _, t := range a.Turns {
		n += len([]rune(t.Text)) + 100*len(t.Images)
		for _, c := range t.Calls {
			n += len([]rune(c.Name + c.Args))
		}
	}
	for _, t := range a.Tools {
		n += len([]rune(t.Name)) + len(t.Parameters)
	}
	return n
}

// image reads the address of an image, which may hold the image itself.
func image(url string) (Image, bool) {
	rest, inside := strings.CutPrefix(url, "data:")
	if !inside {
		return Image{URL: url}, strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://")
	}
	mime, data, ok := strings.Cut(rest, ";base64,")
	if !ok {
		return Image{}, false
	}
	return inline(mime, data)
}

// inline reads an image whose bytes came as base64.
func inline(mime, data string) (Image, bool) {
	b, err := base64.StdEncoding.DecodeString(data)
	return Image{MIME: mime, Bytes: len(b)}, err == nil && len(b) > 0 && strings.HasPrefix(mime, "image/")
}
