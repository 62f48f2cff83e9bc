package timeline

import (
	"cmp"
	"math"
	"slices"

	"smart-factory-backend/app/factory"
)

// products returns the products by events and by the signal, in order.
func (s *Signals) products(r *Records) []ProductSpan {
	changes := productChanges(r.Product)
	for _, e := range r.Events {
		if e.Kind == factory.EventProduct {
			changes = append(changes, change{at: e.ObservedAt, order: e.Seq, product: e.Product})
		}
	}
	changes = inForce(changes)
	list := make([]ProductSpan, len(changes))
	for i, c := range changes {
		to := int64(math.MaxInt64)
		if i+1 < len(changes) {
			to = changes[i+1].at
		}
		list[i] = ProductSpan{Span: factory.Span{From: c.at, To: to}, Product: c.product}
	}
	return list
}

// clipProducts returns the parts of products, which are in order, within span.
func clipProducts(products []ProductSpan, span factory.Span) []ProductSpan {
	var list []ProductSpan
	for _, p := range products {
		p.From, p.To = max(p.From, span.From), min(p.To, span.To)
		switch n := len(list); {
		case p.From >= p.To || p.Product == "":
		case n > 0 && list[n-1].To == p.From && list[n-1].Product == p.Product:
			list[n-1].To = p.To
		default:
			list = append(list, p)
		}
	}
	return list
}

// productions returns what was made within span by count events and counters.
func (s *Signals) productions(r *Records, products []ProductSpan, span factory.Span) []Production {
	var list []Production
	for _, e := range ofKind(r.Events, factory.EventCount) {
		if e.ObservedAt < span.From || e.ObservedAt >= span.To {
			continue
		}
		p := Production{From: e.ObservedAt, To: e.ObservedAt, Good: e.Good, Scrap: e.Scrap, Rework: e.Rework, Product: e.Product}
		if p.Product == "" {
			p.Product = productAt(products, e.ObservedAt)
		}
		list = append(list, p)
	}
	spread := func(increases []Increase, good, scrap float64) {
		for _, increase := range increases {
			list = appendSpread(list, increase, good, scrap, products, span)
		}
	}
	// Two of the three counters give the third. Each contributes on its own, so
	// that they need not be read at the same times.
	switch {
	case s.Total == "":
		spread(r.Good, 1, 0)
		spread(r.Scrap, 0, 1)
	case s.Good == "":
		spread(r.Total, 1, 0)
		spread(r.Scrap, -1, 1)
	case s.Scrap == "":
		spread(r.Total, 0, 1)
		spread(r.Good, 1, -1)
	default: // total says nothing new
		spread(r.Good, 1, 0)
		spread(r.Scrap, 0, 1)
	}
	return joinProductions(list)
}

// appendSpread appends the part of an increase within span, split where the product
// changes. good and scrap say what the amount counts for.
func appendSpread(list []Production, increase Increase, good, scrap float64, products []ProductSpan, span factory.Span) []Production {
	from, end := max(increase.From, span.From), min(increase.To, span.To)
	if increase.Amount == 0 {
		return list
	}
	for from < end {
		to, product := end, ""
		i := productIndex(products, from)
		if i >= 0 {
			product = products[i].Product
		}
		if i+1 < len(products) {
			to = min(to, products[i+1].From)
		}
		amount := increase.Amount
		if part := to - from; part < increase.To-increase.From {
			amount *= float64(part) / float64(increase.To-increase.From)
		}
		list = append(list, Production{From: from, To: to, Good: good * amount, Scrap: scrap * amount, Product: product})
		from = to
	}
	return list
}

// productIndex returns the index of the product that holds at a time, -1 if none does.
func productIndex(products []ProductSpan, at int64) int {
	after, _ := slices.BinarySearchFunc(products, at+1, func(p ProductSpan, at int64) int { return cmp.Compare(p.From, at) })
	return after - 1
}

func productAt(products []ProductSpan, at int64) string {
	if i := productIndex(products, at); i >= 0 {
		return products[i].Product
	}
	return ""
}

// joinProductions orders productions and joins those of counters that have the same
// time and product.
func joinProductions(list []Production) []Production {
	slices.SortStableFunc(list, func(a, b Production) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Product, b.Product))
	})
	joined := list[:0]
	for _, p := range list {
		if n := len(joined); n > 0 && p.From < p.To && joined[n-1].From == p.From && joined[n-1].To == p.To && joined[n-1].Product == p.Product {
			joined[n-1].Good += p.Good
			joined[n-1].Scrap += p.Scrap
			continue
		}
		joined = append(joined, p)
	}
	return joined
}
