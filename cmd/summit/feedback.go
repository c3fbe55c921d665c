package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"summit"
)

func init() { register(feedbackCommand) }

func feedbackCommand(a *app) *cobra.Command {
	var base, keyEnv string
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
			kept, err := opinion.send(c.Context(), base, keyEnv)
			if err != nil {
				return err
			}
			return a.emit(kept, func(w io.Writer) {
				fmt.Fprintf(w, "%s has score %v\n", plain(clip(kept.ID)), kept.Score)
			})
		},
	}
	c.Flags().StringVar(&base, "url", "http://"+summit.DefaultListen, "the server that gave the answer")
	c.Flags().StringVar(&keyEnv, "key-env", "SUMMIT_API_KEY", "environment variable with the key, or with _FILE added the file that holds it")
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

// send posts the opinion to the server.
func (o opinion) send(ctx context.Context, base, keyEnv string) (kept, error) {
	const (
		patient = 30 * time.Second
		longest = 64 << 10 // bytes of an answer
	)
	u, err := url.Parse(strings.TrimSuffix(strings.TrimSuffix(base, "/"), "/v1") + "/v1/feedback")
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return kept{}, usage("--url %q: want an address such as http://%s", clip(base), summit.DefaultListen)
	}
	key := os.Getenv(keyEnv)
	if path := os.Getenv(keyEnv + "_FILE"); key == "" && path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return kept{}, notReady("", err)
		}
		key = strings.TrimSpace(string(text))
	}
	body, err := json.Marshal(o)
	if err != nil {
		return kept{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return kept{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return kept{}, notReady(`"summit serve" starts a server; --url names another one`, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, longest))
	if err != nil {
		return kept{}, fmt.Errorf("answer of %s: %w", u.Host, err)
	}
	return readKept(u.Host, answer.StatusCode, text)
}

// readKept reads the server's answer.
func readKept(host string, status int, text []byte) (kept, error) {
	var told struct {
		kept
		Object string `json:"object"`
		Error  struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	err := json.Unmarshal(text, &told)
	switch {
	case err == nil && status == http.StatusOK && told.Object == "feedback":
		return told.kept, nil
	case err != nil || told.Error.Message == "":
		return kept{}, failed("--url names a server of Summit", fmt.Errorf("%s answers status %d, but not as Summit does", host, status))
	}
	next := ""
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		next = "put a key into the variable that --key-env names"
	case http.StatusNotFound:
		next = `RUN is the "id" of an answer that was given to a key of the same tenant`
	}
	return kept{}, failed(next, fmt.Errorf("%s: %s", host, told.Error.Message))
}
