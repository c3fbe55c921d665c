package fake

// Named is something with a name and a word about it.
type Named struct{ Name, About string }

func names(all []Named) []string {
	var list []string
	for _, n := range all {
		list = append(list, n.Name)
	}
	return list
}

// Faults returns what can break, in the order to show it.
func Faults() []Named {
	return []Named{
		{"cut", "the connection breaks in the middle of the answer"},
		{"end-early", "the stream ends cleanly in the middle of the answer, as behind a careless proxy"},
		{"hang", "the request is taken and never answered"},
		{"stall", "the answer stops in the middle and the connection stays open"},
		{"slow", "a second passes before each piece"},
		{"flood", "the answer never ends"},
		{"split", "every byte comes alone, so that characters come in parts"},
		{"error-200", "HTTP 200 with an error in place of an answer"},
		{"error-mid", "an error in the middle of the stream"},
		{"half-json", "the answer ends in the middle of a JSON text"},
		{"rate-limit", "429 with Retry-After: 7"},
		{"rate-limit-bare", "429 without a word on when to come back"},
		{"quota", "there is no balance left"},
		{"overloaded", "the vendor's word for too busy"},
		{"down", "HTTP 502 with a page of HTML, as from a proxy"},
		{"filtered", "the content filter refuses the request"},
		{"too-long", "the request is longer than the window"},
		{"no-usage", "nothing is said of usage"},
	}
}

func isFault(name string) bool {
	for _, f := range Faults() {
		if f.Name == name {
			return true
		}
	}
	return false
}

// What a vendor may complain of, whatever its words.
const (
	invalid      = "invalid"
	unauthorized = "unauthorized"
	notFound     = "not_found"
	tooLong      = "too_long"
	rateLimited  = "rate_limited"
	quota        = "quota"
	filtered     = "filtered"
	overloaded   = "overloaded"
)

// problem is what a fake refuses a request for.
type problem struct {
	what    string
	message string
	param   string
}

// refusals are the faults that are a refusal.
var refusals = map[string]problem{
	"rate-limit":      {what: rateLimited, message: "too many requests, slow down"},
	"rate-limit-bare": {what: rateLimited, message: "too many requests, slow down"},
	"quota":           {what: quota, message: "the balance is used up"},
	"overloaded":      {what: overloaded, message: "the system is busy"},
	"filtered":        {what: filtered, message: "the input may contain inappropriate content"},
	"too-long":        {what: tooLong, message: "the prompt is too long: it exceeds the model's context length"},
}

// failure is a vendor's words for one kind of problem.
type failure struct {
	status int
	code   string
	kind   string // the error's type, where the vendor writes one
}
