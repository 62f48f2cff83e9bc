package sqlite

import (
	"cmp"
	"slices"

	"smart-factory-backend/app/factory"
)

// pointBuffer collects the points of a series until they are sealed. Points in
// order are appended; others are sorted in on the next read.
type pointBuffer struct {
	points   []factory.Point
	unsorted bool // points are not in strictly ascending order
}

// add adds a point, which replaces an earlier one of the same time.
func (h *pointBuffer) add(p factory.Point) {
	if n := len(h.points); n > 0 && !h.unsorted {
		switch last := h.points[n-1].ObservedAt; {
		case p.ObservedAt == last:
			h.points[n-1] = p
			return
		case p.ObservedAt < last:
			h.unsorted = true
		}
	}
	h.points = append(h.points, p)
}

// sort sorts the points in strictly ascending order. Among points of the same
// time, the last one added is kept.
func (h *pointBuffer) sort() {
	if !h.unsorted {
		return
	}
	slices.SortStableFunc(h.points, func(a, b factory.Point) int {
		return cmp.Compare(a.ObservedAt, b.ObservedAt)
	})
	kept := h.points[:1]
	for _, p := range h.points[1:] {
		if last := &kept[len(kept)-1]; last.ObservedAt == p.ObservedAt {
			*last = p
		} else {
			kept = append(kept, p)
		}
	}
	h.points, h.unsorted = kept, false
}
