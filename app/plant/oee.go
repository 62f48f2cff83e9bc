package plant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/oee"
	"smart-factory-backend/app/factory/shift"
	"smart-factory-backend/app/factory/timeline"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

const (
	// oeeLoaders is the number of machines that are loaded at a time, by all queries
	// together. It bounds their memory.
	oeeLoaders = 4
	// firstPart is the length of the first part of a timeline that is loaded at once.
	// Parts grow while they have fewer productions than partProductions.
	firstPart       = int64(24 * 3600_000)
	partProductions = 5_000
	// maxReasons is the most reasons of an answer.
	maxReasons = 100
)

// OEE computes figures from what is stored when it is asked.
type OEE struct {
	store     factory.Store
	timelines *Timelines
	loaders   *semaphore.Weighted
}

// NewOEE returns the figures of the machines in store.
func NewOEE(store factory.Store, now func() int64) *OEE {
	return &OEE{store: store, timelines: NewTimelines(store, now), loaders: semaphore.NewWeighted(oeeLoaders)}
}

// Report returns the figures of the selected machines. Its error is an
// *oee.QueryError if the query is wrong.
func (o *OEE) Report(ctx context.Context, q oee.Query) (oee.Answer, error) {
	s, err := o.selection(ctx, q)
	if err != nil {
		return oee.Answer{}, err
	}
	zone := q.Zone
	if zone == nil {
		zone = time.UTC
	}
	report := oee.NewReport(s.span, q.By, zone)
	if err := s.each(ctx, report.Add); err != nil {
		return oee.Answer{}, err
	}
	return oee.Answer{Span: s.span, Total: report.Total(), Groups: report.Groups()}, nil
}

// Reasons returns the downtimes of the selected machines by reason, the longest first.
// Its error is an *oee.QueryError if the query is wrong.
func (o *OEE) Reasons(ctx context.Context, q oee.Query) (oee.ReasonsAnswer, error) {
	s, err := o.selection(ctx, q)
	if err != nil {
		return oee.ReasonsAnswer{}, err
	}
	reasons := oee.NewReasons()
	err = s.each(ctx, func(m *oee.Machine) error {
		reasons.Add(m)
		return nil
	})
	if err != nil {
		return oee.ReasonsAnswer{}, err
	}
	list, downtime := reasons.Pareto(maxReasons)
	return oee.ReasonsAnswer{Span: s.span, Downtime: downtime, Reasons: list}, nil
}

// selection is what a query selects.
type selection struct {
	*OEE
	span     factory.Span
	machines []selected
	cycles   idealCycles
}

// selected is a machine of a selection. only is the shift instance that the query
// names, nil for none.
type selected struct {
	factory.Machine
	schedule shift.Schedule
	only     *shift.Instance
}

func (o *OEE) newSelection(span factory.Span) *selection {
	return &selection{OEE: o, span: span, cycles: idealCycles{store: o.store, byProduct: map[string]float64{}}}
}

func (o *OEE) selection(ctx context.Context, q oee.Query) (*selection, error) {
	plan, err := loadPlan(ctx, o.store)
	if err != nil {
		return nil, err
	}
	if q.Shift != "" && !slices.ContainsFunc(plan.Shifts, func(s shift.Shift) bool { return s.ID == q.Shift }) {
		return nil, &oee.QueryError{Parameter: "shift", Detail: fmt.Sprintf("there is no shift %q", q.Shift), Kind: factory.ErrNotFound}
	}
	s := o.newSelection(q.Span)
	found := false
	err = o.eachMachine(ctx, q.Scope, func(m factory.Machine) {
		found = true
		one := selected{Machine: m, schedule: plan.Machine(m.ID, m.Placement)}
		if q.Shift != "" {
			instance, ok := one.schedule.Day(q.Shift, q.Day)
			if !ok {
				return
			}
			one.only = &instance
			s.span = factory.Span{From: instance.From, To: instance.To}
		}
		s.machines = append(s.machines, one)
	})
	switch {
	case err != nil:
		return nil, err
	case !found && q.Scope != factory.Scope{}:
		return nil, noMachine(q.Scope)
	case q.Shift != "" && len(s.machines) == 0:
		return nil, &oee.QueryError{Parameter: "day", Detail: fmt.Sprintf("shift %q does not take place there on %s", q.Shift, q.Day), Kind: factory.ErrNotFound}
	}
	return s, nil
}

// noMachine says that a scope has no machine, by the narrowest part of it.
func noMachine(scope factory.Scope) error {
	wrong := &oee.QueryError{Parameter: "machine", Detail: fmt.Sprintf("there is no machine %q in this place", scope.Machine), Kind: factory.ErrNotFound}
	for _, part := range []struct{ name, value string }{{"site", scope.Site}, {"area", scope.Area}, {"line", scope.Line}} {
		if scope.Machine == "" && part.value != "" {
			wrong.Parameter, wrong.Detail = part.name, fmt.Sprintf("there is no machine in the %s %q", part.name, part.value)
		}
	}
	return wrong
}

// eachMachine calls do with the machines of a scope.
func (o *OEE) eachMachine(ctx context.Context, scope factory.Scope, do func(factory.Machine)) error {
	if scope.Machine != "" {
		m, err := o.store.Machine(ctx, scope.Machine)
		switch {
		case errors.Is(err, factory.ErrNotFound):
			return nil
		case err == nil && scope.Selects(m.ID, m.Placement):
			do(m)
		}
		return err
	}
	q := factory.MachineQuery{Placement: factory.Placement{Site: scope.Site, Area: scope.Area, Line: scope.Line}, Limit: documentPage}
	for {
		page, err := o.store.Machines(ctx, q)
		if err != nil {
			return err
		}
		for _, m := range page.Machines {
			do(m)
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return nil
		}
	}
}

// each loads the machines, several at a time, and calls add with parts of them, one at
// a time.
func (s *selection) each(ctx context.Context, add func(*oee.Machine) error) error {
	var adding sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(oeeLoaders)
	for i := range s.machines {
		group.Go(func() error {
			if err := s.loaders.Acquire(ctx, 1); err != nil {
				return err
			}
			defer s.loaders.Release(1)
			return s.load(ctx, &s.machines[i], func(m *oee.Machine) error {
				adding.Lock()
				defer adding.Unlock()
				return add(m)
			})
		})
	}
	return group.Wait()
}

// load loads a machine. It adds what was made in parts, so that its memory is bounded,
// and the states of the whole time at last.
func (s *selection) load(ctx context.Context, of *selected, add func(*oee.Machine) error) error {
	whole := oee.Machine{ID: of.ID, Cycle: func(product string) float64 { return s.cycles.of(product, of.IdealCycle) }}
	length := firstPart
	for from := s.span.From; from < s.span.To; {
		to := min(s.span.To, from+length)
		part, err := s.timelines.Timeline(ctx, of.ID, factory.Span{From: from, To: to})
		if err != nil {
			return err
		}
		from = to
		if len(part.Productions) < partProductions {
			length *= 2
		}
		if part.Range.From >= part.Range.To {
			continue
		}
		if err := s.cycles.load(ctx, part.Productions); err != nil {
			return err
		}
		if whole.Timeline.Range.To == 0 {
			whole.Timeline.Range.From = part.Range.From
		}
		whole.Timeline.Range.To = part.Range.To
		whole.Timeline.Segments = append(whole.Timeline.Segments, part.Segments...)
		whole.Timeline.Products = append(whole.Timeline.Products, part.Products...)
		made := whole
		made.Timeline = timeline.Timeline{Range: part.Range, Productions: part.Productions, Products: part.Products}
		of.scheduleOn(&made)
		if err := add(&made); err != nil {
			return err
		}
	}
	of.scheduleOn(&whole)
	return add(&whole)
}

// scheduleOn sets the schedule and the shifts of the time in which m existed.
func (of *selected) scheduleOn(m *oee.Machine) {
	span := m.Timeline.Range
	if of.only == nil {
		m.Scheduled, m.Shifts = of.schedule.Scheduled(span), slices.Collect(of.schedule.Instances(span))
		return
	}
	m.Shifts = []shift.Instance{*of.only}
	from := of.only.From
	for _, pause := range append(slices.Clone(of.only.Breaks), factory.Span{From: of.only.To, To: of.only.To}) {
		if from < pause.From {
			m.Scheduled = append(m.Scheduled, factory.Span{From: from, To: pause.From})
		}
		from = pause.To
	}
}

// idealCycles are the ideal cycles of products. It is safe for concurrent use.
type idealCycles struct {
	store     factory.Store
	mu        sync.Mutex
	byProduct map[string]float64 // 0 is unknown
}

// load loads the cycles of what was made.
func (c *idealCycles) load(ctx context.Context, made []timeline.Production) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := ""
	for i := range made {
		id := made[i].Product
		if id == last {
			continue
		}
		last = id
		if _, known := c.byProduct[id]; known {
			continue
		}
		d, err := c.store.Document(ctx, factory.DocumentProduct, id)
		if err != nil && !errors.Is(err, factory.ErrNotFound) {
			return err
		}
		c.byProduct[id] = 0
		if p, invalid := factory.ParseProduct(d.Data); err == nil && invalid == nil && p.IdealCycle != nil {
			c.byProduct[id] = *p.IdealCycle
		}
	}
	return nil
}

// of returns the cycle of a product, by default that of the machine.
func (c *idealCycles) of(product string, machine float64) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cycle := c.byProduct[product]; cycle > 0 {
		return cycle
	}
	return machine
}
