package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"summit/ledger"
)

// Load is requests as a gateway makes them: a hold on one of many wallets,
// then a settlement of eight postings besides the release of the hold, five of
// cash and three of the loss book, with an event and an attribution filed.
type Load struct {
	Customers int    // wallets; 0 = 100
	Name      string // before every key, so that loads of one store differ
}

const (
	holdAmount   = 60_000
	settleAmount = 50_000
)

var (
	eventBody       = []byte(`{"id":"req_0123456789abcdef","mode":"fuse","price":50000,"members":[{"member":"qwen","used":true,"buckets":{"input_uncached":1000,"cache_read":200,"output_text":600}},{"member":"glm","used":true,"buckets":{"input_uncached":1200,"output_text":550}}]}`)
	attributionBody = []byte(`{"phi":{"qwen":"747500/3","glm":"265000"},"dividends":{"qwen":4823,"glm":5130},"contracts":{"qwen":"9f86d081","glm":"60303ae2"}}`)
)

func (l Load) customer(i int) string { return fmt.Sprintf("c%d", i%max(l.Customers, 1)) }

// Fund makes the wallets rich.
func (l Load) Fund(ctx context.Context, s ledger.Store) error {
	for c := range max(l.Customers, 1) {
		name := l.customer(c)
		if _, err := s.Post(ctx, ledger.Entry{Key: "fund:" + name, Kind: "deposit", Currency: "CNY",
			Postings: move(bank, ledger.Account("customer:"+name+":wallet"), 1<<50)}); err != nil {
			return err
		}
	}
	return nil
}

// Hold is the hold of request i.
func (l Load) Hold(i int) ledger.Entry {
	c := l.customer(i)
	return ledger.Entry{Key: fmt.Sprintf("hold:%s%d", l.Name, i), Kind: "hold", Currency: "CNY", Expires: time.Now().Add(time.Hour),
		Postings: move(ledger.Account("customer:"+c+":wallet"), ledger.Account("customer:"+c+":hold"), holdAmount)}
}

// Settle is the settlement of request i.
func (l Load) Settle(i int) ledger.Entry {
	c, id := l.customer(i), fmt.Sprintf("%s%d", l.Name, i)
	return ledger.Entry{Key: "settle:" + id, Kind: "settle", Currency: "CNY", Ends: "hold:" + id, Input: ledger.Sum(eventBody, []byte(id)),
		Postings: []ledger.Posting{
			{Account: ledger.Account("customer:" + c + ":wallet"), Amount: settleAmount},
			{Account: "tax:vat", Amount: -2_830}, {Account: fee, Amount: -2_358},
			{Account: "member:qwen:payable", Amount: -22_000}, {Account: "member:glm:payable", Amount: -22_812},
			{Account: "cost:declared:qwen", Amount: 8_256}, {Account: "cost:recovered:qwen", Amount: -8_000}, {Account: "cost:sacrifice:qwen", Amount: -256},
		},
		Records: []ledger.Record{{Kind: "event", Key: id, Body: eventBody}, {Kind: "attribution", Key: id, Body: attributionBody}}}
}

// Figures are what a run of a load measured.
type Figures struct {
	Done          int
	Took          time.Duration
	P50, P99, Max time.Duration
}

// PerSecond is how many were done in a second.
func (f Figures) PerSecond() int {
	return int(int64(f.Done) * int64(time.Second) / max(int64(f.Took), 1))
}

func (f Figures) String() string {
	return fmt.Sprintf("%d in %.1fs: %d/s, p50 %v, p99 %v, max %v", f.Done, f.Took.Seconds(), f.PerSecond(),
		f.P50.Round(10*time.Microsecond), f.P99.Round(10*time.Microsecond), f.Max.Round(10*time.Microsecond))
}

func figures(took time.Duration, each []time.Duration) Figures {
	f := Figures{Done: len(each), Took: took}
	if slices.Sort(each); len(each) > 0 {
		f.P50, f.P99, f.Max = each[len(each)/2], each[len(each)*99/100], each[len(each)-1]
	}
	return f
}

// Closed has clients do the numbers from 0 on, each client one after the
// other, until there is no more of them or the time is over.
func Closed(clients, most int, time_ time.Duration, do func(i int) error) (Figures, error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	start := time.Now()
	for range clients {
		wg.Go(func() {
			var each []time.Duration
			var err error
			for err == nil && time.Since(start) < time_ {
				i := int(next.Add(1)) - 1
				if i >= most {
					break
				}
				began := time.Now()
				err = do(i)
				each = append(each, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, each...)
			failed = errors.Join(failed, err)
		})
	}
	wg.Wait()
	return figures(time.Since(start), all), failed
}

// Paced does the numbers from 0 on at a rate, whether or not those before are
// done. A late start counts as waiting.
func Paced(perSecond int, time_ time.Duration, do func(i int) error) (Figures, error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	start := time.Now()
	n := int(int64(perSecond) * int64(time_) / int64(time.Second))
	for i := range n {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		time.Sleep(time.Until(due))
		wg.Go(func() {
			err := do(i)
			took := time.Since(due)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took)
			failed = errors.Join(failed, err)
		})
	}
	wg.Wait()
	return figures(time.Since(start), all), failed
}
