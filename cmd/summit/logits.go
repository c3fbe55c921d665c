package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"summit/engine"
)

func init() { register(logitsCommand) }

// logitsTop is how many tokens a row of the table names.
const logitsTop = 5

func logitsCommand(a *app) *cobra.Command {
	var f engineFlags
	var list string
	c := &cobra.Command{
		Use:   "logits FILE --ids 1,2,3",
		Short: "Show a model file's logits for given token ids, one row a position",
		Long: `Runs a model file on token ids as they are, nothing added, and prints the logits
of every position: as a table the most likely next tokens, as JSON all of them.
With --exact the weights count as stored, in float32 arithmetic with a float32
cache, so that the numbers can be held against another engine's.`,
		Example: `  summit logits model.gguf --ids 1,2,3
  summit logits model.gguf --ids 1,2,3 --exact -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ids, err := parseIDs(list)
			if err != nil {
				return err
			}
			e, err := f.openEngine(args[0], engine.Options{CacheTokens: (len(ids) + 31) / 32 * 32, Batch: 1, Snapshots: -1})
			if err != nil {
				return err
			}
			defer e.Close()
			s, err := e.NewSession("")
			if err != nil {
				return err
			}
			defer s.Close()
			rows, err := s.Append(c.Context(), ids)
			if err != nil {
				return err
			}
			return a.emit(struct {
				Logits [][]float32 `json:"logits"`
			}{rows}, func(w io.Writer) {
				row(w, "POSITION", "TOKEN", "MOST LIKELY NEXT (ID LOGIT)")
				for i, r := range rows {
					row(w, strconv.Itoa(i), strconv.Itoa(ids[i]), best(r))
				}
			})
		},
	}
	c.Flags().StringVar(&list, "ids", "", "token ids, such as 1,2,3")
	f.bind(c)
	return c
}

// best names the greatest logits of a row.
func best(r []float32) string {
	order := make([]int, len(r))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case r[i] > r[j]:
			return -1
		case r[i] < r[j]:
			return 1
		}
		return 0
	})
	text := ""
	for _, id := range order[:min(logitsTop, len(order))] {
		text += fmt.Sprintf("%d %.3f  ", id, r[id])
	}
	return text
}
