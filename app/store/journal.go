package store

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"smart-factory-backend/app/factory"
)

// PrepareBatch returns a copy of a batch that shares no memory with it, with an ID
// and ReceivedAt in each event. It returns a factory.EntryError for an entry that
// breaks a rule of factory.Journal, as far as that is visible without the journal.
func PrepareBatch(batch factory.JournalBatch, now int64) (factory.JournalBatch, error) {
	prepared := factory.JournalBatch{Documents: slices.Clone(batch.Documents), Events: slices.Clone(batch.Events)}
	for i := range prepared.Documents {
		d := &prepared.Documents[i]
		if d.Kind == "" || d.ID == "" {
			return prepared, documentError(i, fmt.Errorf("document without kind or id: %w", factory.ErrInvalid))
		}
		if err := checkTexts(string(d.Kind), d.ID); err != nil {
			return prepared, documentError(i, err)
		}
		if d.Kind == factory.DocumentMachine || d.Kind == factory.DocumentMetric {
			return prepared, documentError(i, fmt.Errorf("a %s is changed by the registry: %w", d.Kind, factory.ErrInvalid))
		}
		d.Kind, d.ID = factory.DocumentKind(strings.Clone(string(d.Kind))), strings.Clone(d.ID)
		if d.Data == nil {
			continue
		}
		if err := checkObject(d.Data, factory.MaxDocumentData); err != nil {
			return prepared, documentError(i, fmt.Errorf("%s %q: %w", d.Kind, d.ID, err))
		}
		d.Data = bytes.Clone(d.Data)
	}
	for i := range prepared.Events {
		e := &prepared.Events[i]
		if e.Kind == "" {
			return prepared, EventError(i, fmt.Errorf("event without kind: %w", factory.ErrInvalid))
		}
		limit := factory.MaxEventData
		if e.Kind == factory.EventAudit {
			limit = factory.MaxAuditData
		}
		if err := checkObject(e.Data, limit); err != nil {
			return prepared, EventError(i, fmt.Errorf("%s event: %w", e.Kind, err))
		}
		if err := checkTexts(e.Machine, string(e.Kind), e.Subject, e.ID, e.By, e.Replaces); err != nil {
			return prepared, EventError(i, err)
		}
		e.Machine, e.Subject, e.ID = strings.Clone(e.Machine), strings.Clone(e.Subject), strings.Clone(e.ID)
		e.By, e.Replaces, e.Data = strings.Clone(e.By), strings.Clone(e.Replaces), bytes.Clone(e.Data)
		e.ReceivedAt = now
		if e.ID == "" {
			e.ID = rand.Text()
		}
	}
	return prepared, nil
}

// BatchBytes returns about how much memory a batch takes in a queue.
func BatchBytes(batch factory.JournalBatch) int {
	const entry = 192 // the structs and the texts beside Data
	size := entry
	for i := range batch.Documents {
		size += entry + len(batch.Documents[i].Data)
	}
	for i := range batch.Events {
		size += entry + len(batch.Events[i].Data)
	}
	return size
}

// maxTextBytes is the maximum size of an id, a subject and the like: the names
// of a machine and a metric, and a separator.
const maxTextBytes = factory.MaxNameBytes + 1 + factory.MaxMetricBytes

// checkTexts returns an error for a text that some engine cannot store.
func checkTexts(texts ...string) error {
	for _, text := range texts {
		if len(text) > maxTextBytes || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return fmt.Errorf("%.80q is too long, not UTF-8 or contains NUL: %w", text, factory.ErrInvalid)
		}
	}
	return nil
}

func checkObject(data []byte, limit int) error {
	switch {
	case len(data) > limit:
		return fmt.Errorf("data has %d bytes, the maximum is %d: %w", len(data), limit, factory.ErrInvalid)
	case !json.Valid(data) || bytes.TrimLeft(data, " \t\r\n")[0] != '{':
		return fmt.Errorf("data is not a JSON object: %w", factory.ErrInvalid)
	}
	return nil
}

func documentError(i int, err error) error {
	return &factory.EntryError{Document: i, Event: -1, Err: err}
}

// EventError returns the error of the event with index i of a batch.
func EventError(i int, err error) error {
	return &factory.EntryError{Document: -1, Event: i, Err: err}
}

// ChangeDocument returns the document that results from a change; nil if the change
// keeps before. before is nil if the document has never existed, and marked as
// deleted if it no longer does. The error belongs to entry i of the batch.
func ChangeDocument(i int, before *factory.Document, change factory.DocumentChange, now int64) (after *factory.Document, created bool, err error) {
	version := int64(0)
	if before != nil && !before.Deleted {
		version = before.Version
	}
	if !change.Match.Allows(version) {
		return nil, false, documentError(i, fmt.Errorf("%s %q has changed: %w", change.Kind, change.ID, factory.ErrPrecondition))
	}
	if change.Data == nil && version == 0 {
		return nil, false, documentError(i, DocumentNotFound(change.Kind, change.ID))
	}
	if version != 0 && change.Data != nil && bytes.Equal(before.Data, change.Data) {
		return nil, false, nil
	}
	after = &factory.Document{Kind: change.Kind, ID: change.ID, Version: 1, CreatedAt: now, UpdatedAt: now, Data: change.Data}
	if before != nil {
		after.Version = before.Version + 1
	}
	if version != 0 {
		after.CreatedAt = before.CreatedAt
	}
	if change.Data == nil {
		after.Deleted, after.Data = true, before.Data
	}
	return after, version == 0, nil
}

// DocumentNotFound is the error for a document that does not exist.
func DocumentNotFound(kind factory.DocumentKind, id string) error {
	return fmt.Errorf("%s %q: %w", kind, id, factory.ErrNotFound)
}

// RepeatsEvent returns nil if an event, which has the ID of an earlier one, is the
// same event once more, and otherwise the error of entry i of the batch.
func RepeatsEvent(i int, earlier, e factory.Event) error {
	if earlier.Kind == e.Kind && earlier.Subject == e.Subject && earlier.ObservedAt == e.ObservedAt &&
		earlier.Replaces == e.Replaces && bytes.Equal(earlier.Data, e.Data) {
		return nil
	}
	return EventError(i, fmt.Errorf("another event of %s has the id %q: %w", machineName(e.Machine), e.ID, factory.ErrConflict))
}

// FollowedError is the error of entry i, whose Follows another event has as well.
func FollowedError(i int, e factory.Event) error {
	return EventError(i, fmt.Errorf("event %d of %s is already followed: %w", e.Follows, machineName(e.Machine), factory.ErrConflict))
}

// ReplacedError is the error of entry i, whose Replaces another event has as well.
func ReplacedError(i int, e factory.Event) error {
	return EventError(i, fmt.Errorf("event %q of %s is already replaced: %w", e.Replaces, machineName(e.Machine), factory.ErrConflict))
}

// CheckReplaced returns an error if entry i, which is e, may not replace earlier.
func CheckReplaced(i int, earlier, e factory.Event) error {
	if e.Kind.MayReplace(earlier.Kind) {
		return nil
	}
	return EventError(i, fmt.Errorf("event %q is of kind %s, which one of kind %s may not replace: %w", earlier.ID, earlier.Kind, e.Kind, factory.ErrInvalid))
}

// UnknownReplacedError is the error of entry i, whose Replaces does not exist.
func UnknownReplacedError(i int, e factory.Event) error {
	return EventError(i, fmt.Errorf("event %q of %s, which is to be replaced: %w", e.Replaces, machineName(e.Machine), factory.ErrNotFound))
}

func machineName(machine string) string {
	if machine == "" {
		return "the installation"
	}
	return fmt.Sprintf("machine %q", machine)
}

// HasMembers reports whether the members of a JSON object that paths name have the
// given texts. A member that is no text is compared by its JSON.
func HasMembers(data []byte, members map[string]string) bool {
	if len(members) == 0 {
		return true
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil {
		return false
	}
	for path, want := range maps.All(members) {
		if !hasMember(object, path, want) {
			return false
		}
	}
	return true
}

func hasMember(object map[string]json.RawMessage, path, want string) bool {
	name, rest, nested := strings.Cut(path, ".")
	raw, ok := object[name]
	if !ok {
		return false
	}
	if nested {
		var inner map[string]json.RawMessage
		return json.Unmarshal(raw, &inner) == nil && hasMember(inner, rest, want)
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	return text == want
}
