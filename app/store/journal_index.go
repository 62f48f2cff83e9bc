package store

import (
	"slices"

	"smart-factory-backend/app/factory"
)

type (
	// DocumentKey identifies a document.
	DocumentKey struct {
		Kind factory.DocumentKind
		ID   string
	}
	// EventKey identifies an event by its id.
	EventKey struct{ Machine, ID string }
	// FollowKey identifies what only one event may follow.
	FollowKey struct {
		Machine string
		Seq     int64
	}
)

// JournalIndex is what decides about a batch: the part of a journal that the batch
// refers to, or all of it.
type JournalIndex struct {
	// Documents includes deleted ones. The documents it points to are never changed.
	Documents map[DocumentKey]*factory.Document
	Events    map[EventKey]factory.Event
	// Replaced and Followed are what an event already replaces or follows.
	Replaced map[EventKey]bool
	Followed map[FollowKey]bool
	// LastSeq is the Seq of the newest event.
	LastSeq int64
}

// NewJournalIndex returns the index of an empty journal.
func NewJournalIndex() *JournalIndex {
	return &JournalIndex{
		Documents: map[DocumentKey]*factory.Document{}, Events: map[EventKey]factory.Event{},
		Replaced: map[EventKey]bool{}, Followed: map[FollowKey]bool{},
	}
}

// Apply adds a batch, which PrepareBatch has returned, to the index. After an error,
// which is a factory.EntryError, the index is as before.
func (x *JournalIndex) Apply(batch factory.JournalBatch, now int64) (result factory.JournalResult, err error) {
	var undo []func()
	defer func() {
		if err != nil {
			result = factory.JournalResult{}
			for _, f := range slices.Backward(undo) {
				f()
			}
		}
	}()
	for i, change := range batch.Documents {
		written, revert, err := x.changeDocument(i, change, now)
		if err != nil {
			return result, err
		}
		undo = append(undo, revert)
		result.Documents = append(result.Documents, written)
	}
	for i, e := range batch.Events {
		written, revert, err := x.appendEvent(i, e)
		if err != nil {
			return result, err
		}
		undo = append(undo, revert)
		result.Events = append(result.Events, written)
	}
	return result, nil
}

func (x *JournalIndex) changeDocument(i int, change factory.DocumentChange, now int64) (written factory.WrittenDocument, revert func(), err error) {
	k := DocumentKey{change.Kind, change.ID}
	before := x.Documents[k]
	after, created, err := ChangeDocument(i, before, change, now)
	if err != nil {
		return written, nil, err
	}
	if after == nil {
		return factory.WrittenDocument{Document: *before}, func() {}, nil
	}
	x.Documents[k] = after
	return factory.WrittenDocument{Document: *after, Created: created}, func() {
		if before == nil {
			delete(x.Documents, k)
		} else {
			x.Documents[k] = before
		}
	}, nil
}

func (x *JournalIndex) appendEvent(i int, e factory.Event) (written factory.WrittenEvent, revert func(), err error) {
	id, follows, replaces := EventKey{e.Machine, e.ID}, FollowKey{e.Machine, e.Follows}, EventKey{e.Machine, e.Replaces}
	if earlier, ok := x.Events[id]; ok {
		return factory.WrittenEvent{Event: earlier, Repeated: true}, func() {}, RepeatsEvent(i, earlier, e)
	}
	if e.Follows != 0 && x.Followed[follows] {
		return written, nil, FollowedError(i, e)
	}
	if e.Replaces != "" {
		earlier, ok := x.Events[replaces]
		if !ok {
			return written, nil, UnknownReplacedError(i, e)
		}
		if err := CheckReplaced(i, earlier, e); err != nil {
			return written, nil, err
		}
		if x.Replaced[replaces] {
			return written, nil, ReplacedError(i, e)
		}
		x.Replaced[replaces] = true
	}
	if e.Follows != 0 {
		x.Followed[follows] = true
	}
	x.LastSeq++
	e.Seq = x.LastSeq
	x.Events[id] = e
	return factory.WrittenEvent{Event: e}, func() {
		x.LastSeq--
		delete(x.Events, id)
		if e.Replaces != "" {
			delete(x.Replaced, replaces)
		}
		if e.Follows != 0 {
			delete(x.Followed, follows)
		}
	}, nil
}

// Remove removes an event that was deleted.
func (x *JournalIndex) Remove(e factory.Event) {
	delete(x.Events, EventKey{e.Machine, e.ID})
	delete(x.Replaced, EventKey{e.Machine, e.Replaces})
	delete(x.Followed, FollowKey{e.Machine, e.Follows})
}
