package eval

import (
	"strings"
	"testing"

	"summit/llm"
	"summit/llm/llmtest"
)

func TestMatrix(t *testing.T) {
	set := func(name, reference string) MatrixTask {
		return MatrixTask{Name: name, Owner: name, Questions: []TaskQuestion{{ID: "1", Text: "?", Reference: reference}, {ID: "2", Text: "!", Reference: "b"}},
			Right:   func(reply, reference string) bool { return reply == reference },
			Refused: func(reply string) bool { return reply == "a" },
		}
	}
	r, err := Matrix(t.Context(), MatrixOptions{
		Tasks:   []MatrixTask{set("a", "a"), set("b", "b")},
		Members: []llm.Member{llmtest.Text("a", "a", 0), llmtest.Text("b", "b", 0)},
		Super:   llmtest.Text("summit", "b", 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	// a knows a-1; b knows a-2, b-1 and b-2.
	if len(r.Rows) != 3 || r.Best != "b" || r.Oracle != 0.75 || r.Any != 1 || r.Rows[0].All != 0.25 || r.Rows[1].All != 0.75 || r.Rows[2].Tasks[1] != 1 || r.Rows[0].Refused != 1 {
		t.Errorf("%+v", r)
	}
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil || !strings.Contains(b.String(), "Oracle router: 75.0 %") {
		t.Errorf("%v:\n%s", err, b.String())
	}
	if _, err := Matrix(t.Context(), MatrixOptions{}); err == nil {
		t.Error("nothing is measured without an error")
	}
}
