package outbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
)

// Options are the options of New.
type Options struct {
	Store factory.Store
	// Alertmanagers are the base URLs of Alertmanagers, which all get every alarm.
	Alertmanagers []string
	// Webhook is the URL that gets the transitions; "" is none. Secret, which must not
	// be empty then, signs them.
	Webhook string
	Secret  string
	// Now returns the server's time.
	Now func() time.Time
	// Observe is called after each attempt to send. It must not block.
	Observe func(Delivery)

	// The following fields are set by tests only.

	resend   time.Duration // time between two reports of an active alarm to Alertmanager
	retry    time.Duration // first time between two attempts
	giveUp   time.Duration // age of a transition that is no longer sent
	saveTime time.Duration // time between two writes of the position
}

// Result is the outcome of an attempt to send.
type Result string

// The outcomes.
const (
	Sent    Result = "sent"
	Failed  Result = "failed"   // it is sent again later
	GivenUp Result = "given_up" // it is not sent again
)

// Delivery is one attempt to send.
type Delivery struct {
	// Receiver is "alertmanager" or "webhook".
	Receiver string
	Result   Result
	// Messages is the number of alarms or transitions in the request.
	Messages int
	// Err is why the attempt failed; nil if it did not.
	Err error
}

const (
	receiverAlertmanager = "alertmanager"
	receiverWebhook      = "webhook"

	// An active alarm ends in Alertmanager if nobody has reported it for four times
	// defaultResend.
	defaultResend = time.Minute
	defaultRetry  = time.Second
	retryMost     = time.Minute
	defaultGiveUp = 24 * time.Hour
	defaultSave   = time.Second
	pageSize      = 200
)

// Outbox sends alarms.
type Outbox struct {
	options Options
	client  *client
}

// New returns an Outbox that sends nothing until Run.
func New(o Options) *Outbox {
	for _, d := range []struct {
		value   *time.Duration
		initial time.Duration
	}{{&o.resend, defaultResend}, {&o.retry, defaultRetry}, {&o.giveUp, defaultGiveUp}, {&o.saveTime, defaultSave}} {
		if *d.value == 0 {
			*d.value = d.initial
		}
	}
	if o.Observe == nil {
		o.Observe = func(Delivery) {}
	}
	return &Outbox{options: o, client: newClient()}
}

// Run sends while this process leads, until ctx ends. While the store is unavailable
// it waits. It can be called again after another error.
func (o *Outbox) Run(ctx context.Context) error {
	for n := 1; ; n++ {
		err := o.lead(ctx)
		waits := errors.Is(err, factory.ErrUnavailable) || errors.Is(err, factory.ErrOverloaded) ||
			errors.Is(err, factory.ErrPrecondition) // another process has led meanwhile
		if ctx.Err() != nil || !waits {
			return err
		}
		if o.pause(ctx, n) != nil {
			return nil
		}
	}
}

// lead sends while this process leads.
func (o *Outbox) lead(ctx context.Context) error {
	return o.options.Store.Lead(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var wg sync.WaitGroup
		errs := make(chan error, len(o.options.Alertmanagers)+1)
		start := func(run func(context.Context) error) {
			wg.Go(func() {
				errs <- run(ctx)
				cancel() // Run starts all of them again
			})
		}
		for _, url := range o.options.Alertmanagers {
			start(newAlertmanager(o, url).run)
		}
		if o.options.Webhook != "" {
			start((&webhook{outbox: o}).run)
		}
		wg.Wait()
		close(errs)
		var all []error
		for err := range errs {
			if !errors.Is(err, context.Canceled) {
				all = append(all, err)
			}
		}
		return errors.Join(all...)
	})
}

// pause waits before attempt number n, which is at least 1, is repeated.
func (o *Outbox) pause(ctx context.Context, n int) error {
	d := min(o.options.retry<<min(n-1, 16), max(retryMost, o.options.retry))
	d = d/2 + rand.N(d/2+1) //nolint:gosec // spreads retries
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// next returns the events of alarms and of changed rules after a Seq, and waits up to
// d until there are some. seen is the Seq up to which all were returned.
func (o *Outbox) next(ctx context.Context, after int64, d time.Duration) (events []factory.Event, seen int64, err error) {
	wait, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	store := o.options.Store
	for {
		last, err := store.LastSeq(ctx)
		if err != nil {
			return nil, after, fmt.Errorf("read the journal: %w", err)
		}
		events, err := store.EventsAfter(ctx, factory.LogQuery{
			After: after, Kinds: []factory.EventKind{factory.EventAlarm, factory.EventAudit}, Limit: pageSize,
		})
		if err != nil {
			return nil, after, fmt.Errorf("read the journal: %w", err)
		}
		if n := len(events); n > 0 {
			return events, events[n-1].Seq, nil
		}
		after = max(after, last)
		if err := store.WaitEvents(wait, after); err != nil {
			if wait.Err() != nil && ctx.Err() == nil {
				return nil, after, nil
			}
			return nil, after, fmt.Errorf("wait for events: %w", err)
		}
	}
}

// rule returns a rule; one that was deleted has an id only.
func (o *Outbox) rule(ctx context.Context, id string) (alarm.Rule, error) {
	rule := alarm.Rule{ID: id}
	d, err := o.options.Store.Document(ctx, factory.DocumentAlarmRule, id)
	switch {
	case err == nil:
		if parsed, err := alarm.ParseRule(id, d.Data); err == nil {
			rule = parsed
		}
	case !errors.Is(err, factory.ErrNotFound):
		return rule, fmt.Errorf("read alarm rule %q: %w", id, err)
	}
	return rule, nil
}
