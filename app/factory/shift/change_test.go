package shift_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/shift"
)

func change(t *testing.T, old []byte, at string, members map[string]string) []byte {
	t.Helper()
	stored, err := shift.Change(old, document(t, members), between(t, at, at).From)
	if err != nil {
		t.Fatalf("Change(%s, %v) = %v", old, members, err)
	}
	return stored
}

// starts lists day and hour at which the instances of a stored shift begin.
func starts(t *testing.T, stored []byte, from, to string) string {
	t.Helper()
	var list []string
	for _, i := range collect(mustParse(t, "s", stored), between(t, from, to)) {
		list = append(list, time.UnixMilli(i.From).UTC().Format("02:15"))
	}
	return strings.Join(list, " ")
}

var everyDay = `["mon","tue","wed","thu","fri","sat","sun"]`

func TestChangeKeepsThePast(t *testing.T) {
	t.Parallel()
	with := func(start, from string) map[string]string {
		m := map[string]string{"tz": `"UTC"`, "days": everyDay, "breaks": "", "start": `"` + start + `"`, "end": `"23:00"`}
		if from != "" {
			m["valid_from"] = `"` + from + `"`
		}
		return m
	}
	const from, to = "2024-06-01T00:00:00Z", "2024-06-08T00:00:00Z"
	stored := change(t, nil, "2024-06-04T12:00:00Z", with("10:00", ""))
	if got, want := starts(t, stored, from, to), "01:10 02:10 03:10 04:10 05:10 06:10 07:10"; got != want {
		t.Errorf("a new shift begins at %s, want %s", got, want)
	}
	if again := change(t, stored, "2024-06-05T12:00:00Z", with("10:00", "")); !bytes.Equal(again, stored) {
		t.Errorf("the same shift again = %s, want %s", again, stored)
	}
	stored = change(t, stored, "2024-06-04T12:00:00Z", with("11:00", "2024-06-06"))
	if got, want := starts(t, stored, from, to), "01:10 02:10 03:10 04:10 05:10 06:11 07:11"; got != want {
		t.Errorf("with a change on the 6th it begins at %s, want %s", got, want)
	}
	stored = change(t, stored, "2024-06-07T12:00:00Z", with("12:00", ""))
	if got, want := starts(t, stored, from, to), "01:10 02:10 03:10 04:10 05:10 06:11 07:12"; got != want {
		t.Errorf("with a change of today it begins at %s, want %s", got, want)
	}
	if again := change(t, stored, "2024-06-08T12:00:00Z", with("12:00", "")); !bytes.Equal(again, stored) {
		t.Errorf("the same change a day later = %s, want %s", again, stored)
	}
	if again, err := shift.Change(stored, stored, between(t, to, to).From); err != nil || !bytes.Equal(again, stored) {
		t.Errorf("what a client got = %s, %v; want %s", again, err, stored)
	}
	named := with("12:00", "")
	named["name"] = `"Day"`
	renamed := change(t, stored, "2024-06-08T12:00:00Z", named)
	if got, want := starts(t, renamed, from, to), "01:10 02:10 03:10 04:10 05:10 06:11 07:12"; got != want || !bytes.Contains(renamed, []byte(`"Day"`)) {
		t.Errorf("with another name it begins at %s, want %s: %s", got, want, renamed)
	}
	stored = change(t, stored, "2024-06-08T12:00:00Z", with("13:00", "2024-06-03"))
	if got, want := starts(t, stored, from, to), "01:10 02:10 03:13 04:13 05:13 06:13 07:13"; got != want {
		t.Errorf("with a change of the past it begins at %s, want %s", got, want)
	}
	ended := with("13:00", "2024-06-03")
	ended["valid_until"] = `"2024-06-05"`
	stored = change(t, stored, "2024-06-08T12:00:00Z", ended)
	if got, want := starts(t, stored, from, to), "01:10 02:10 03:13 04:13 05:13"; got != want {
		t.Errorf("ended on the 5th it begins at %s, want %s", got, want)
	}
	delete(ended, "valid_from")
	if _, err := shift.Change(stored, document(t, map[string]string{"valid_until": `"2024-06-04"`}), between(t, to, to).From); err == nil || !strings.HasPrefix(err.Error(), "/valid_until: is in the past") {
		t.Errorf("an end in the past = %v, want an error", err)
	}
}

func TestChangeOfToday(t *testing.T) {
	t.Parallel()
	stored := change(t, nil, "2024-06-04T12:00:00Z", map[string]string{"tz": `"Australia/Lord_Howe"`})
	stored = change(t, stored, "2024-06-04T20:00:00Z", map[string]string{"tz": `"Australia/Lord_Howe"`, "start": `"21:00"`})
	if !bytes.Contains(stored, []byte(`"valid_from":"2024-06-05"`)) || !bytes.Contains(stored, []byte(`"valid_until":"2024-06-04"`)) {
		t.Errorf("a change on the morning of the 5th of the zone = %s", stored)
	}
}

func TestChangeLimitsVersions(t *testing.T) {
	t.Parallel()
	stored := change(t, nil, "2024-06-04T12:00:00Z", nil)
	var err error
	for i := range shift.MaxVersions + 1 {
		day := time.Date(2024, 6, 4+i, 0, 0, 0, 0, time.UTC)
		next := document(t, map[string]string{"start": fmt.Sprintf(`"%02d:00"`, 20+i%2)})
		var data []byte
		if data, err = shift.Change(stored, next, day.UnixMilli()); err != nil {
			break
		}
		stored = data
	}
	if !errors.Is(err, factory.ErrConflict) || len(stored) > factory.MaxDocumentData {
		t.Errorf("change %d = %v with %d bytes, want a conflict", shift.MaxVersions+1, err, len(stored))
	}
	if _, err := shift.Change(stored, document(t, map[string]string{"tz": ""}), 0); !errors.Is(err, factory.ErrInvalid) {
		t.Errorf("Change to an invalid shift = %v, want %v", err, factory.ErrInvalid)
	}
}
