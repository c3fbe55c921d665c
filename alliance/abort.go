package alliance

import "summit/llm"

// End says how an answer ended, as far as money is concerned.
type End string

// The ends of an answer.
const (
	EndWhole   End = "whole"   // it came to its end
	EndSilent  End = "silent"  // it came to its end, and nobody said what was used
	EndFailed  End = "failed"  // the member's side failed
	EndCut     End = "cut"     // the member's side broke off, or sent nonsense
	EndFilter  End = "filter"  // a content filter stepped in
	EndTime    End = "time"    // the time for the request passed
	EndGone    End = "gone"    // the reader left
	EndRefused End = "refused" // nobody was asked: no money, no such model, a mistake in the request
)

// Rule is one row of the abort matrix: what the customer pays for and what
// members are paid for.
type Rule struct {
	End       End
	Delivered bool   // whether anything reached the reader
	Customer  Charge // what is charged
	Members   Charge // by what members' costs are counted
	Why       string
}

// Charge says by which count money is counted.
type Charge string

// The counts.
const (
	ByReport   Charge = "report"   // what the member reported, held against our own count; for the customer: of the one member that answered
	ByDelivery Charge = "delivery" // our own count of what reached the reader; for members what they reported where they did
	ByDone     Charge = "done"     // members that finished their part are paid for it; those that failed are not
	ByNothing  Charge = "nothing"  // nothing
)

// Matrix is what is charged however an answer ends. The first delivered token
// is never free, undelivered text is never charged to the customer, and an
// upstream that failed before it said anything is not paid.
var Matrix = []Rule{
	{EndWhole, true, ByReport, ByReport, "an answer of one member is charged as that reported, one of several by our own count of what was delivered"},
	{EndWhole, false, ByNothing, ByReport, "an answer without text or calls is worth nothing to its reader"},
	{EndSilent, true, ByDelivery, ByDelivery, "unknown is not zero: our own count stands, marked as estimated"},
	{EndSilent, false, ByNothing, ByDone, "nothing came and nobody says that anything was used"},
	{EndFailed, true, ByDelivery, ByDelivery, "what had reached the reader is charged, text of an error is not"},
	{EndFailed, false, ByNothing, ByDone, "members whose part was done before another failed have their costs; the price is zero, so the loss is spread by the contracts"},
	{EndCut, true, ByDelivery, ByDelivery, "never all, for the rest was not delivered; never nothing"},
	{EndCut, false, ByNothing, ByDone, "as a failure"},
	{EndFilter, true, ByDelivery, ByDelivery, "what had passed the filter is charged"},
	{EndFilter, false, ByNothing, ByDone, "a refusal is no answer"},
	{EndTime, true, ByDelivery, ByDelivery, "as a cut"},
	{EndTime, false, ByNothing, ByDone, "as a failure"},
	{EndGone, true, ByDelivery, ByDelivery, "the customer pays what it got; a member whose contract says drain has what it reported in the end, any other what was delivered or what it reported so far"},
	{EndGone, false, ByNothing, ByDone, "whoever leaves before the first token pays nothing"},
	{EndRefused, false, ByNothing, ByNothing, "the hold is taken back; nobody worked"},
}

// rule returns the row for an end.
func rule(end End, delivered bool) Rule {
	for _, r := range Matrix {
		if r.End == end && r.Delivered == delivered {
			return r
		}
	}
	return Rule{End: end, Delivered: delivered, Customer: ByNothing, Members: ByDone}
}

// endOf says how an answer ended.
func endOf(o *llm.Outcome, err *llm.Error) End {
	if err == nil {
		switch {
		case o != nil && o.Finish == llm.FinishFilter:
			return EndFilter
		case o == nil || !o.Usage.Known():
			return EndSilent
		}
		return EndWhole
	}
	switch err.Kind {
	case llm.Canceled:
		return EndGone
	case llm.Timeout:
		return EndTime
	case llm.Cut, llm.Protocol:
		return EndCut
	case llm.Filtered:
		return EndFilter
	case llm.Invalid, llm.Unauthorized, llm.Forbidden, llm.NotFound, llm.TooLong, llm.Unsupported, llm.QuotaExhausted, llm.RateLimited:
		return EndRefused
	}
	return EndFailed
}
