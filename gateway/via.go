package gateway

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"summit/llm"
)

// What another Summit tells of a request that it passes on.
const (
	viaHeader     = "X-Summit-Via"        // the servers that it has come through, the first first, by the ids of their processes
	timeoutHeader = "X-Summit-Timeout-Ms" // how long its caller waits
)

const (
	maxVia      = 8   // servers that a request may come through
	maxViaBytes = 100 // of one id
)

// through notes the servers that the request has come through, this one last.
// A request that comes back is refused: it would go round for ever.
func (x *exchange) through() *llm.Error {
	var via []string
	for _, line := range x.r.Header.Values(viaHeader) {
		for id := range strings.SplitSeq(line, ",") {
			if id = strings.TrimSpace(id); id == "" || !sane(id) {
				continue
			}
			via = append(via, id[:min(len(id), maxViaBytes)])
		}
	}
	if slices.Contains(via, x.g.id) {
		return llm.Errorf(llm.Unsupported, "the request came back to this server through %d others: a model here is made of one there, and that one of one here", len(via)-1-slices.Index(via, x.g.id))
	}
	if len(via) >= maxVia {
		return llm.Errorf(llm.Unsupported, "the request has come through %d servers, want fewer than %d", len(via), maxVia)
	}
	x.via = append(via, x.g.id)
	return nil
}

// patience returns how long the request may take: what its caller waits where
// it says so, but at most what this server allows.
func (x *exchange) patience() (time.Duration, *llm.Error) {
	most, why := x.g.limits.RequestTime, x.g.tooSlow
	ms, err := strconv.ParseInt(x.r.Header.Get(timeoutHeader), 10, 64)
	if err != nil || ms <= 0 || ms >= most.Milliseconds() {
		return most, why
	}
	d := time.Duration(ms) * time.Millisecond
	return d, llm.Errorf(llm.Timeout, "no whole answer within %v, which is how long the caller waits", d)
}
