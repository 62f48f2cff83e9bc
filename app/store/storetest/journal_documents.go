package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
)

// A document is returned as it was written, also after the store was reopened.
func testDocuments(t *testing.T, open Opener) {
	const data = `{ "name": "früh\u0000", "n": 1.50, "b": [ ] }`
	var stored factory.WrittenDocument
	checkInAllStates(t, open, func(f *fixture) {
		stored = f.put(factory.DocumentShift, "a/b\x1fc", data)
		if !stored.Created || stored.Version != 1 || stored.CreatedAt == 0 || stored.UpdatedAt != stored.CreatedAt || string(stored.Data) != data {
			t.Errorf("Write of a new document = %+v", stored)
		}
		again := f.put(factory.DocumentShift, "a/b\x1fc", data)
		if again.Created || sameDocument(again.Document, stored.Document) != nil {
			t.Errorf("Write of the same document = %+v, want version 1 unchanged", again)
		}
	}, func(f *fixture) {
		got, err := f.Document(context.Background(), factory.DocumentShift, "a/b\x1fc")
		if err != nil {
			t.Fatalf("Document() = %v", err)
		}
		if err := sameDocument(got, stored.Document); err != nil {
			t.Errorf("Document(): %v", err)
		}
		for _, missing := range []struct {
			kind factory.DocumentKind
			id   string
		}{{factory.DocumentShift, "a/b"}, {factory.DocumentProduct, "a/b\x1fc"}} {
			if _, err := f.Document(context.Background(), missing.kind, missing.id); !errors.Is(err, factory.ErrNotFound) {
				t.Errorf("Document(%q, %q) = %v, want ErrNotFound", missing.kind, missing.id, err)
			}
		}
	})
}

// The conditions of RFC 9110, 13.1 hold for documents.
func testDocumentConditions(t *testing.T, open Opener) {
	f := newFixture(t, open)
	change := func(id, data string, match factory.Match) factory.JournalBatch {
		c := factory.DocumentChange{Kind: factory.DocumentProduct, ID: id, Match: match}
		if data != "" {
			c.Data = []byte(data)
		}
		return factory.JournalBatch{Documents: []factory.DocumentChange{c}}
	}
	f.refuse(change("p", "{}", factory.MatchAny), factory.ErrPrecondition, 0, -1)
	f.refuse(change("p", "{}", 1), factory.ErrPrecondition, 0, -1)
	f.refuse(change("p", "", factory.MatchAlways), factory.ErrNotFound, 0, -1)
	f.write(change("p", "{}", factory.MatchNone))
	f.refuse(change("p", "{}", factory.MatchNone), factory.ErrPrecondition, 0, -1)
	f.refuse(change("p", `{"a":1}`, 2), factory.ErrPrecondition, 0, -1)
	if v := f.write(change("p", `{"a":1}`, 1)).Documents[0]; v.Version != 2 || v.Created {
		t.Errorf("Write with the right version = %+v, want version 2", v)
	}
	f.refuse(change("p", "", 1), factory.ErrPrecondition, 0, -1)
	f.write(change("p", "", 2))
	f.refuse(change("p", "", factory.MatchAlways), factory.ErrNotFound, 0, -1)
}

// A document that is created again continues its versions, so that no version names
// two contents.
func testDocumentVersionsAfterDeletion(t *testing.T, open Opener) {
	f := newFixture(t, open)
	f.put(factory.DocumentProduct, "p", `{"a":1}`)
	deleted := f.write(factory.JournalBatch{Documents: []factory.DocumentChange{{Kind: factory.DocumentProduct, ID: "p"}}}).Documents[0]
	if !deleted.Deleted || deleted.Version != 2 {
		t.Errorf("Write that deletes = %+v, want version 2, deleted", deleted)
	}
	f.reopen(Limits{AutoRegister: true})
	again := f.put(factory.DocumentProduct, "p", `{"a":1}`)
	if !again.Created || again.Version != 3 || again.Deleted {
		t.Errorf("Write after the deletion = %+v, want version 3, created", again)
	}
}

func testDocumentList(t *testing.T, open Opener) {
	checkInAllStates(t, open, func(f *fixture) {
		for i := range 25 {
			f.put(factory.DocumentShift, fmt.Sprintf("s%02d", i), fmt.Sprintf(`{"site":"a%d","scope":{"line":"l%d"},"n":%d}`, i%2, i%3, i))
		}
		f.put(factory.DocumentShift, "S", `{"site":7,"scope":null}`)
		f.put(factory.DocumentShift, "é%_", `{"site":true}`)
		f.put(factory.DocumentProduct, "s01", `{}`)
		f.put(factory.DocumentShift, "gone", `{}`)
		f.write(factory.JournalBatch{Documents: []factory.DocumentChange{{Kind: factory.DocumentShift, ID: "gone"}}})
	}, func(f *fixture) {
		for _, tt := range []struct {
			q    factory.DocumentQuery
			want int
		}{
			{factory.DocumentQuery{}, 27},
			{factory.DocumentQuery{Prefix: "s"}, 25},
			{factory.DocumentQuery{Prefix: "s1"}, 10},
			{factory.DocumentQuery{Prefix: "é%"}, 1},
			{factory.DocumentQuery{Prefix: "%"}, 0},
			{factory.DocumentQuery{Members: map[string]string{"site": "a1"}}, 12},
			{factory.DocumentQuery{Members: map[string]string{"scope.line": "l1"}}, 8},
			{factory.DocumentQuery{Members: map[string]string{"scope.line": "l1", "site": "a1"}}, 4},
			{factory.DocumentQuery{Members: map[string]string{"site": "7"}}, 1},
			{factory.DocumentQuery{Members: map[string]string{"site": "true"}}, 1},
			{factory.DocumentQuery{Members: map[string]string{"site": "a"}}, 0},
			{factory.DocumentQuery{Members: map[string]string{"none": ""}}, 0},
		} {
			for _, limit := range []int{1, 3, 25, 1000} {
				tt.q.Kind, tt.q.Limit = factory.DocumentShift, limit
				var found []string
				f.readPages(func(cursor string) string {
					tt.q.Cursor = cursor
					page, err := f.Documents(context.Background(), tt.q)
					if err != nil || len(page.Documents) > limit {
						t.Fatalf("Documents(%+v) = %d documents, %v", tt.q, len(page.Documents), err)
					}
					for _, d := range page.Documents {
						found = append(found, d.ID)
					}
					return page.NextCursor
				})
				if len(found) != tt.want || !slices.IsSortedFunc(found, strings.Compare) {
					t.Errorf("Documents(%+v) = %q, want %d in byte order", tt.q, found, tt.want)
				}
			}
		}
	})
}
