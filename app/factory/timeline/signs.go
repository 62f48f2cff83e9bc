package timeline

import (
	"cmp"
	"slices"

	"smart-factory-backend/app/factory"
)

// Signs collects the signs of life of a machine, that is the times of its readings. It
// keeps only the runs of signs that are not further apart than the limit, so it is
// small for a machine that sends regularly.
type Signs struct {
	limit int64
	// runs are in order; To is the last sign of a run. Between two runs lies more
	// than limit.
	runs []factory.Span
}

// NewSigns returns an empty collection. A machine is silent if two signs are more than
// limit milliseconds apart.
func NewSigns(limit int64) *Signs { return &Signs{limit: limit} }

// Add adds the times of a series in ascending order. Times of several series may be
// added one series after another.
func (s *Signs) Add(times ...int64) {
	var runs []factory.Span
	for _, t := range times {
		if n := len(runs); n > 0 && t-runs[n-1].To <= s.limit {
			runs[n-1].To = t
		} else {
			runs = append(runs, factory.Span{From: t, To: t})
		}
	}
	s.merge(runs)
}

// merge joins runs, which are in order, with those of s.
func (s *Signs) merge(runs []factory.Span) {
	if len(s.runs) == 0 {
		s.runs = runs
		return
	}
	all := slices.Concat(s.runs, runs)
	slices.SortFunc(all, func(a, b factory.Span) int { return cmp.Compare(a.From, b.From) })
	joined := all[:0]
	for _, run := range all {
		if n := len(joined); n > 0 && run.From-joined[n-1].To <= s.limit {
			joined[n-1].To = max(joined[n-1].To, run.To)
		} else {
			joined = append(joined, run)
		}
	}
	s.runs = joined
}

// Silences returns the times from a last sign to the next one, or to now, that are
// longer than the limit. Signs after now do not count.
func (s *Signs) Silences(now int64) []factory.Span {
	var silences []factory.Span
	for i, run := range s.runs {
		next := now
		if i+1 < len(s.runs) {
			next = min(next, s.runs[i+1].From)
		}
		if run.From <= now && next-run.To > s.limit {
			silences = append(silences, factory.Span{From: run.To, To: next})
		}
	}
	return silences
}

// Gaps returns the parts of a span in which another sign could matter: those without a
// run, at the ends of the span too.
func (s *Signs) Gaps(span factory.Span) []factory.Span {
	var gaps []factory.Span
	from := span.From
	for _, run := range s.runs {
		if run.To < span.From || from >= span.To {
			continue
		}
		if to := min(run.From, span.To); from < to {
			gaps = append(gaps, factory.Span{From: from, To: to})
		}
		from = run.To + 1
	}
	if from < span.To {
		gaps = append(gaps, factory.Span{From: from, To: span.To})
	}
	return gaps
}
