package verify

import (
	"context"
	"fmt"
	"regexp"
)

func init() {
	Register("regexp", "the final answer, or the whole reply, matches a regular expression", newRegexp)
}

// RegexpParams are the parameters of regexp.
type RegexpParams struct {
	Pattern string `yaml:"pattern" json:"pattern" jsonschema:"required" jsonschema_description:"a regular expression (RE2) that must be found; ^ and $ tie it to the ends"`
	On      string `yaml:"on" json:"on,omitempty" jsonschema:"enum=answer,enum=text" jsonschema_description:"what is searched: the final answer in its normal form, such as 1234.5 for 1,234.50, or the whole reply; empty = answer"`
}

// maxPatternBytes keeps the compiled pattern small; time is linear in the
// text, times the size of the pattern.
const maxPatternBytes = 4096

type matcher struct {
	pattern *regexp.Regexp
	whole   bool
}

func newRegexp(_ Env, p RegexpParams) (Checker, error) {
	if p.On != "" && p.On != "answer" && p.On != "text" {
		return nil, fmt.Errorf("on: %q, want answer or text", clip(p.On, 80))
	}
	if p.Pattern == "" || len(p.Pattern) > maxPatternBytes {
		return nil, fmt.Errorf("pattern: %d bytes, want 1 to %d", len(p.Pattern), maxPatternBytes)
	}
	re, err := regexp.Compile(p.Pattern)
	if err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	return &matcher{re, p.On == "text"}, nil
}

func (m *matcher) Check(_ context.Context, c *Case) (Finding, error) {
	what, s := "the reply", c.Text
	if !m.whole {
		if c.Answer == "" {
			return fail("the reply has no final answer"), nil
		}
		what, s = fmt.Sprintf("the final answer %q", clip(c.Answer, 200)), c.Answer
	}
	if !m.pattern.MatchString(s) {
		return fail("%s does not match %s", what, clip(m.pattern.String(), 400)), nil
	}
	return pass(""), nil
}
