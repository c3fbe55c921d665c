package alliance

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"summit/ledger"
)

// player is a member with its contract and what the request did to it.
type player struct {
	Member
	*Contract
	cost, sacrifice, deferred, dividend Units
	phi                                 *big.Rat
}

// Settle settles one request and returns the result with the books after it.
// The books that came in stay as they are.
func (a *Alliance) Settle(r *Request, before *Books) (*Result, *Books, error) {
	books := before.clone()
	res, err := a.settle(r, books)
	if err != nil {
		return nil, nil, fmt.Errorf("alliance: request %q: %w", clip(r.ID), err)
	}
	return res, books, nil
}

func (a *Alliance) settle(r *Request, books *Books) (*Result, error) {
	p, err := a.prepare(r)
	if err != nil {
		return nil, err
	}
	return a.apply(p, books)
}

// prepared is a request with all that does not depend on where the books stand:
// who plays, what it cost them and what they contributed.
type prepared struct {
	request  *Request
	customer string
	players  []player
	names    []string
	tax      Units
	fee      Units
	costs    Units
}

// prepare rates a request.
func (a *Alliance) prepare(r *Request) (*prepared, error) {
	if r.ID == "" || len(r.ID) > 200 {
		return nil, errors.New("id: want 1 to 200 bytes")
	}
	if r.Price < 0 || r.Price > maxAmount {
		return nil, fmt.Errorf("price: got %d, want 0 to %d", int64(r.Price), int64(maxAmount))
	}
	out := &prepared{request: r, customer: r.Customer}
	if out.customer == "" {
		out.customer = "default"
	}
	if !ledger.ValidName(out.customer) {
		return nil, fmt.Errorf("customer: got %q, want letters, digits and - _ . only, at most 64", clip(out.customer))
	}
	players, err := a.players(r)
	if err != nil {
		return nil, err
	}
	for _, p := range players {
		out.names = append(out.names, p.Contract.Member)
	}

	// The price: tax inside it, then the operator's fee, then the pool.
	if out.tax, err = divide(big.NewInt(int64(r.Price)), big.NewInt(a.Terms.VATBP), big.NewInt(10_000+a.Terms.VATBP)); err != nil {
		return nil, err
	}
	out.fee = basisPoints(r.Price-out.tax, a.Terms.FeeBP)

	for _, p := range players {
		if !p.Used {
			continue
		}
		if p.cost, err = p.Cost.rate(p.Buckets, p.calls(), p.CardMS); err != nil {
			return nil, fmt.Errorf("member %s: %w", p.Contract.Member, err)
		}
		if out.costs, err = out.costs.Add(p.cost); err != nil || out.costs > maxAmount {
			return nil, fmt.Errorf("member %s: the costs: %w", p.Contract.Member, ledger.ErrOverflow)
		}
	}
	if err := a.contributions(r, players, out.names); err != nil {
		return nil, err
	}
	for _, p := range players {
		out.players = append(out.players, *p)
	}
	return out, nil
}

// pool is what is left of the price for the members.
func (p *prepared) pool() Units { return p.request.Price - p.tax - p.fee }

// apply settles a rated request and lets the books follow. It may be called
// again with other books.
func (a *Alliance) apply(rated *prepared, books *Books) (*Result, error) {
	r := rated.request
	res := &Result{ID: r.ID, Kind: "request", Tax: rated.tax, Fee: rated.fee, Pool: rated.pool()}
	players := make([]*player, len(rated.players))
	for i := range players {
		own := rated.players[i]
		players[i] = &own
	}
	for _, p := range players {
		if p.Used && p.absorbs() {
			if err := add(books.Absorbed, p.Contract.Member, p.cost); err != nil {
				return nil, err
			}
			books.CardMS[p.Contract.Member] += p.CardMS
		}
	}
	tie := a.Terms.TieBreak.among(r.ID, rated.names)
	if res.Pool >= rated.costs {
		a.surplus(res, players, books, tie, res.Pool-rated.costs)
	} else {
		a.shortage(res, players, books, tie, rated.costs-res.Pool)
	}
	res.record(players)
	if err := res.book(r, rated.customer, players, books); err != nil {
		return nil, err
	}
	return res, nil
}

// absorbs reports whether calls use up what the member is paid for a period.
func (c *Contract) absorbs() bool {
	return c.Cost.Model == "subscription" || c.Cost.Model == "self_hosted"
}

// players returns the members of the request with their contracts, in order
// of their names, so that the order in which they came does not matter.
func (a *Alliance) players(r *Request) ([]*player, error) {
	if len(r.Members) == 0 {
		return nil, errors.New("members: none, want those that were used or eligible")
	}
	var players []*player
	for _, m := range r.Members {
		c, err := a.contract(m.Member, r.At.Time)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(players, func(p *player) bool { return p.Contract.Member == m.Member }) {
			return nil, fmt.Errorf("member %s stands there twice", m.Member)
		}
		players = append(players, &player{Member: m, Contract: c, phi: new(big.Rat)})
	}
	slices.SortFunc(players, func(x, y *player) int { return strings.Compare(x.Contract.Member, y.Contract.Member) })
	return players, nil
}

// contributions fills in what each player contributed.
func (a *Alliance) contributions(r *Request, players []*player, names []string) error {
	owners := make([]string, len(players))
	clones := false
	for i, p := range players {
		clones = clones || slices.Contains(owners[:i], p.Owner)
		owners[i] = p.Owner
	}
	phi, err := r.phi(names, owners, clones)
	if err != nil {
		return err
	}
	if phi == nil {
		return nil // nobody measured what anybody contributed: a surplus goes to the reserve
	}
	for i, p := range players {
		p.phi = phi[i]
	}
	return nil
}

// phi returns what each of the named players contributed, by the one game that
// the request was recorded with; nil = by none.
func (r *Request) phi(names, owners []string, clones bool) ([]*big.Rat, error) {
	given := 0
	for _, is := range []bool{len(r.V) > 0, len(r.Predicted) > 0, r.Ballots != nil, r.Logprobs != nil, len(r.Weights) > 0} {
		if is {
			given++
		}
	}
	if given > 1 {
		return nil, errors.New("v, predicted, ballots, logprobs and weights: more than one is given, want one")
	}
	var g *game
	var err error
	switch {
	case len(r.V) > 0:
		g, err = tableGame(names, owners, r.V)
	case r.Ballots != nil:
		g, err = ballotGame(names, owners, r.Ballots)
	case r.Logprobs != nil:
		g, err = likelihoodGame(names, owners, r.Logprobs)
	case len(r.Weights) > 0:
		return addedShares(names, r.Weights)
	case len(r.Predicted) > 0:
		if err := r.checkPredicted(names); err != nil {
			return nil, err
		}
		if !clones {
			return bestShares(names, r.Predicted), nil
		}
		g, err = bestGame(names, owners, r.Predicted)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return g.shares(), nil
}

func (r *Request) checkPredicted(names []string) error {
	for name, q := range r.Predicted {
		if !slices.Contains(names, name) {
			return fmt.Errorf("predicted: %q is no member of the request", clip(name))
		}
		if q < 0 || q > maxWorth {
			return fmt.Errorf("predicted: %s: got %d, want 0 to %d", name, q, maxWorth)
		}
	}
	for _, name := range names {
		if _, ok := r.Predicted[name]; !ok {
			return fmt.Errorf("predicted: %s is missing", name)
		}
	}
	return nil
}

// surplus repays what was deferred, feeds the reserve and pays dividends.
func (a *Alliance) surplus(res *Result, players []*player, books *Books, tie func(i, j int) int, left Units) {
	claimants := sorted(books.Deferred)
	claims := make([]*big.Int, len(claimants))
	var open Units
	for i, m := range claimants {
		claims[i] = big.NewInt(int64(books.Deferred[m]))
		open += books.Deferred[m] // each is far below the top
	}
	res.Recouped = map[string]Units{}
	repaid := min(basisPoints(left, a.Terms.RecoupBP), open)
	for i, x := range share(repaid, claims, a.Terms.TieBreak.among(res.ID, claimants)) {
		if x > 0 {
			res.Recouped[claimants[i]] = x
			books.Deferred[claimants[i]] -= x
		}
	}
	left -= repaid
	reserve := basisPoints(left, a.Terms.ReserveBP)
	room := maxAmount - books.Reserve
	if c := a.Terms.ReserveCeiling; c != nil {
		room = max(Units(*c)-books.Reserve, 0)
	}
	reserve = min(reserve, room)
	pool := left - reserve

	weights := make([]*big.Int, len(players))
	rats := make([]*big.Rat, len(players))
	scale := big.NewInt(1)
	for i, p := range players {
		rats[i] = new(big.Rat)
		bp := int64(10_000)
		if !p.Used {
			if bp = p.Dividend.StandbyBP; p.Dividend.Players == "used" {
				bp = 0
			}
		}
		if p.phi.Sign() > 0 && p.phi.Cmp(new(big.Rat).SetInt64(p.Dividend.FloorPhi)) >= 0 {
			rats[i].Mul(p.phi, new(big.Rat).SetInt64(bp))
		}
		d := rats[i].Denom()
		scale.Mul(scale, new(big.Int).Quo(d, new(big.Int).GCD(nil, nil, scale, d)))
	}
	paid := Units(0)
	for i, w := range rats {
		weights[i] = new(big.Int).Mul(w.Num(), new(big.Int).Quo(scale, w.Denom()))
	}
	for i, x := range share(pool, weights, tie) {
		players[i].dividend = x
		paid += x
	}
	res.ToReserve = reserve + pool - paid // all of the pool where nobody contributed
	books.Reserve += res.ToReserve
}

// shortage spreads a loss: what members agreed to bear, then the reserve, then
// what is put off.
func (a *Alliance) shortage(res *Result, players []*player, books *Books, tie func(i, j int) int, short Units) {
	costs, caps := make([]Units, len(players)), make([]Units, len(players))
	for i, p := range players {
		costs[i] = p.cost
		caps[i] = min(basisPoints(p.cost, p.Sacrifice.PerRequestBP), books.capLeft(p.Contract))
	}
	left := short
	for i, s := range waterFill(short, costs, caps, tie) {
		p := players[i]
		p.sacrifice = s
		left -= s
		if s > 0 {
			books.CapsLeft[p.Contract.Member] = books.capLeft(p.Contract) - s
		}
	}
	res.FromReserve = min(left, books.Reserve)
	books.Reserve -= res.FromReserve
	left -= res.FromReserve
	rest := make([]*big.Int, len(players))
	for i, p := range players {
		rest[i] = big.NewInt(int64(p.cost - p.sacrifice))
	}
	for i, d := range share(left, rest, tie) {
		p := players[i]
		p.deferred = d
		if d > 0 {
			books.Deferred[p.Contract.Member] += d
		}
	}
}

// record writes down what happened to each player.
func (res *Result) record(players []*player) {
	res.Costs, res.Sacrifice, res.Deferred, res.Recovered = map[string]Units{}, map[string]Units{}, map[string]Units{}, map[string]Units{}
	res.Dividends, res.Phi, res.Contracts = map[string]Units{}, map[string]string{}, map[string]string{}
	if res.Recouped == nil {
		res.Recouped = map[string]Units{}
	}
	for _, p := range players {
		name := p.Contract.Member
		res.Phi[name], res.Contracts[name] = p.phi.RatString(), p.Hash
		if p.Used {
			res.Costs[name] = p.cost
			res.Recovered[name] = p.cost - p.sacrifice - p.deferred
		}
		res.Sacrifice[name], res.Deferred[name], res.Dividends[name] = p.sacrifice, p.deferred, p.dividend
	}
	without(res.Sacrifice)
	without(res.Deferred)
	without(res.Dividends)
}

// book writes the postings and what each member has earned.
func (res *Result) book(r *Request, customer string, players []*player, books *Books) error {
	list := post([]ledger.Posting{}, "customer:"+customer+":wallet", r.Price)
	list = post(list, "tax:vat", -res.Tax)
	list = post(list, "operator:fee", -res.Fee)
	earned := map[string]Units{}
	for _, p := range players {
		earned[p.Contract.Member] += p.cost - p.sacrifice - p.deferred + p.dividend
	}
	for m, x := range res.Recouped {
		earned[m] += x
	}
	for _, m := range sorted(earned) {
		list = post(list, "member:"+m+":payable", -earned[m])
		if err := add(books.Payable, m, earned[m]); err != nil {
			return err
		}
	}
	res.Postings = post(list, "reserve", res.FromReserve-res.ToReserve)
	for _, p := range players {
		m := p.Contract.Member
		res.Memo = post(res.Memo, "cost:declared:"+m, p.cost)
		res.Memo = post(res.Memo, "cost:recovered:"+m, p.sacrifice+p.deferred-p.cost)
		res.Memo = post(res.Memo, "cost:sacrifice:"+m, -p.sacrifice)
		res.Memo = post(res.Memo, "cost:deferred:"+m, -p.deferred)
	}
	for _, m := range sorted(res.Recouped) { // what was put off is recovered after all
		res.Memo = post(res.Memo, "cost:deferred:"+m, res.Recouped[m])
		res.Memo = post(res.Memo, "cost:recovered:"+m, -res.Recouped[m])
	}
	for _, m := range []map[string]Units{books.Deferred, books.Payable, books.Absorbed} {
		without(m)
	}
	return ledger.Balanced(slices.Concat(res.Postings, res.Memo))
}
