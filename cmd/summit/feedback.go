package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/spf13/cobra"

	"summit"
)

func init() { register(feedbackCommand) }

func feedbackCommand(a *app) *cobra.Command {
	var server serverFlags
	c := &cobra.Command{
		Use:   "feedback RUN good|bad|SCORE",
		Short: "Tell a server whether an answer of it was good",
		Long: `Feedback tells a running server whether one of its answers was good, by a
word or by a score from 0 (bad) to 1 (good). RUN is the "id" of the answer.
The server keeps it with the run, as a number and nothing else; a second one
with the same key takes the place of the first.`,
		Example: `  summit feedback run-0ctm4b2k48l8bq1jnh2m8gk4vo good
  summit feedback run-0ctm4b2k48l8bq1jnh2m8gk4vo 0.7
  summit feedback run-0ctm4b2k48l8bq1jnh2m8gk4vo bad --url https://summit.example.com --key-env TEAM_KEY`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			opinion := opinion{ID: args[0]}
			switch args[1] {
			case "good", "bad":
				opinion.Rating = args[1]
			default:
				score, err := strconv.ParseFloat(args[1], 64)
				if err != nil || !(score >= 0 && score <= 1) { // NaN is none either
					return usage("%q, want good, bad, or a score from 0 (bad) to 1 (good)", clip(args[1]))
				}
				opinion.Score = &score
			}
			kept, err := opinion.sent(c.Context(), &server)
			if err != nil {
				return err
			}
			return a.emit(kept, func(w io.Writer) {
				fmt.Fprintf(w, "%s has score %v\n", plain(clip(kept.ID)), kept.Score)
			})
		},
	}
	server.bind(c, "http://"+summit.DefaultListen, "the server that gave the answer",
		"environment variable with the key, or with _FILE added the file that holds it")
	return c
}

// opinion is feedback as the server takes it.
type opinion struct {
	ID     string   `json:"id"`
	Rating string   `json:"rating,omitempty"`
	Score  *float64 `json:"score,omitempty"`
}

// kept is the server's word for what it keeps now.
type kept struct {
	ID    string  `json:"id"`
	Score float64 `json:"score"`
}

// sent posts the opinion to the server and returns what that keeps now.
func (o opinion) sent(ctx context.Context, server *serverFlags) (k kept, err error) {
	return k, server.ask(ctx, http.MethodPost, "v1/feedback", o, "feedback", &k, opinionNext)
}

// opinionNext is what to do where the server refuses an opinion.
var opinionNext = map[int]string{
	http.StatusUnauthorized: "put a key into the variable that --key-env names",
	http.StatusForbidden:    "put a key into the variable that --key-env names",
	http.StatusNotFound:     `RUN is the "id" of an answer that was given to a key of the same tenant`,
}
