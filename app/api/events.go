package api

import (
	"bytes"
	"context"
	"errors"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"

	"github.com/valyala/fasthttp"
)

const headerIdempotencyKey = "Idempotency-Key"

// postEvents is POST /api/v1/machines/{id}/events. A 200 means that the events it
// counts as accepted are committed, now or by an earlier request.
func (a *API) postEvents(ctx *fasthttp.RequestCtx, r request) error {
	if err := factory.ValidateName(factory.KindMachine, r.params[0]); err != nil {
		return err
	}
	key := string(ctx.Request.Header.Peek(headerIdempotencyKey))
	if key != "" {
		if err := factory.ValidateName(headerIdempotencyKey, key); err != nil {
			return err
		}
	}
	body, err := a.readBody(ctx)
	defer body.release()
	if err != nil {
		return err
	}
	b := &eventBatch{machine: r.params[0], by: r.principal.Name, now: time.Now().UnixMilli(), limit: a.options.MaxPoints}
	if err := b.decode(body.data, isNDJSON(ctx.Request.Header.ContentType())); err != nil {
		return err
	}
	b.setIDs(key)
	storeCtx, cancel := context.WithTimeout(factory.WithSender(context.Background(), r.principal.Name), a.options.IngestTimeout)
	defer cancel()
	if err := a.writeEvents(storeCtx, b, key != ""); err != nil {
		return err
	}
	if len(b.list) == 0 && b.rejected > 0 {
		return &httpError{status: fasthttp.StatusBadRequest, detail: "every event was rejected", rejected: b.rejected, errors: b.errors}
	}
	return writeEntry(ctx, fasthttp.StatusOK, ingestResultJSON{Accepted: len(b.list), Rejected: b.rejected, Errors: append([]fieldError{}, b.errors...)})
}

// writeEvents commits the events of b and registers their machine. It rejects those
// that contradict what the journal has; under one key that is all of them.
func (a *API) writeEvents(ctx context.Context, b *eventBatch, oneKey bool) error {
	if len(b.list) == 0 {
		return nil
	}
	if err := a.registerMachine(ctx, b.machine); err != nil {
		return err
	}
	conflicts := 0
	for len(b.list) > 0 {
		_, err := a.options.Store.Write(ctx, factory.JournalBatch{Events: b.events()})
		entry, ok := errors.AsType[*factory.EntryError](err)
		if err == nil || !ok || entry.Event < 0 {
			return err
		}
		e := b.list[entry.Event]
		if e.withoutTime && errors.Is(err, factory.ErrConflict) {
			if at, found := a.timeOfEqual(ctx, e.Event); found {
				b.list[entry.Event].ObservedAt, b.list[entry.Event].withoutTime = at, false
				continue
			}
		}
		if conflicts++; b.count == 1 || oneKey || conflicts > ingest.MaxErrors {
			return conflictError(e, err)
		}
		b.list = append(b.list[:entry.Event], b.list[entry.Event+1:]...)
		b.reject(conflictFault(e, err))
	}
	return nil
}

// conflictFault names the member of an event that the journal has refused.
func conflictFault(e postedEvent, err error) fieldError {
	member := "/id"
	if errors.Is(err, factory.ErrNotFound) || e.Replaces != "" && e.ID == "" {
		member = "/replaces"
	}
	return fieldError{Pointer: e.pointer + member, Detail: ingest.DetailOf(err)}
}

func conflictError(e postedEvent, err error) error {
	status := fasthttp.StatusConflict
	if errors.Is(err, factory.ErrInvalid) || errors.Is(err, factory.ErrNotFound) {
		status = fasthttp.StatusBadRequest
	}
	return &httpError{status: status, detail: ingest.DetailOf(err) + "; nothing was stored", errors: []fieldError{conflictFault(e, err)}}
}

// searchedEvents is how many of the newest events are searched for one that was posted
// before without a time.
const searchedEvents = 20_000

// timeOfEqual returns the time of an earlier event that equals e but for its time. A
// sender that repeats an event without ts means the first one's.
func (a *API) timeOfEqual(ctx context.Context, e factory.Event) (at int64, found bool) {
	last, err := a.options.Store.LastSeq(ctx)
	if err != nil {
		return 0, false
	}
	q := factory.LogQuery{After: max(0, last-searchedEvents), Machine: e.Machine, Kinds: []factory.EventKind{e.Kind}, Limit: searchedEvents}
	events, err := a.options.Store.EventsAfter(ctx, q)
	if err != nil {
		return 0, false
	}
	for _, earlier := range events {
		if earlier.ID == e.ID {
			return earlier.ObservedAt, earlier.Replaces == e.Replaces && bytes.Equal(earlier.Data, e.Data)
		}
	}
	return 0, false
}

// registerMachine registers a machine that is not, as its first reading would.
func (a *API) registerMachine(ctx context.Context, machine string) error {
	if _, registered := a.options.Store.Placement(machine); registered {
		return nil
	}
	if !a.options.AutoRegister {
		return &httpError{status: fasthttp.StatusNotFound, detail: "the machine is not registered, and automatic registration is off"}
	}
	_, _, err := a.options.Store.PutMachine(ctx, factory.Machine{ID: machine}, factory.MatchNone)
	if errors.Is(err, factory.ErrPrecondition) {
		return nil // another request has just registered it
	}
	return err
}
