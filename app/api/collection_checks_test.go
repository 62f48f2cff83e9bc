package api_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"smart-factory-backend/app/factory"
)

// expect checks the status of a response and that its error has a text.
func (a response) expect(t testing.TB, what string, status int, text string) {
	t.Helper()
	if a.status != status || !strings.Contains(a.body, text) {
		t.Errorf("%s = %d %s, want %d with %q", what, a.status, a.body, status, text)
	}
}

func TestProductInUseIsNotDeleted(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	p.putIn(t, "products", "cap", `{}`)
	p.putIn(t, "products", "lid", `{}`)
	for i, product := range []string{"lid", "cap"} {
		e := factory.Event{Machine: "press-1", Kind: factory.EventProduct, ObservedAt: 1_700_000_000_000 + int64(i), Data: []byte(`{"product":"` + product + `"}`)}
		if _, err := p.store.Write(t.Context(), factory.JournalBatch{Events: []factory.Event{e}}); err != nil {
			t.Fatal(err)
		}
	}
	p.do(t, "DELETE", "/api/v1/products/cap", "").expect(t, "DELETE of the product that is made", 409, "press-1")
	p.do(t, "DELETE", "/api/v1/products/lid", "").expect(t, "DELETE of the product before", 204, "")
	p.putIn(t, "products", "cap", `{"ideal_cycle_s":2}`).expect(t, "PUT of the product that is made", 200, "")

	// A machine may also tell its product by a text.
	p.putIn(t, "products", "cup", `{}`)
	p.put(t, "press-2", `{"signals":{"product":{"metric":"recipe"}}}`)
	p.post(t, `{"machine":"press-2","ts":1700000000000,"values":{"recipe":"cup"}}`)
	p.do(t, "DELETE", "/api/v1/products/cup", "").expect(t, "DELETE of the product in a text", 409, "press-2")
	p.post(t, `{"machine":"press-2","ts":1700000001000,"values":{"recipe":"lid"}}`)
	p.do(t, "DELETE", "/api/v1/products/cup", "").expect(t, "DELETE after the next product", 204, "")
}

func TestOverlappingShiftsAreRefused(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	shift := func(line, start, end string) string {
		return fmt.Sprintf(`{"scope":{"line":%q},"tz":"Europe/Berlin","days":["mon","tue"],"start":%q,"end":%q}`, line, start, end)
	}
	p.putIn(t, "shifts", "early", shift("a", "06:00", "14:00")).expect(t, "PUT of the first shift", 201, "")
	p.putIn(t, "shifts", "late", shift("a", "13:59", "22:00")).expect(t, "PUT of an overlapping shift", 409, "early")
	p.putIn(t, "shifts", "late", shift("", "13:59", "22:00")).expect(t, "PUT of an overlapping shift of all lines", 409, "early")
	p.putIn(t, "shifts", "late", shift("b", "13:59", "22:00")).expect(t, "PUT of a shift of another line", 201, "")
	p.putIn(t, "shifts", "late", shift("a", "14:00", "22:00")).expect(t, "PUT of an adjacent shift", 200, "")
	p.putIn(t, "shifts", "early", shift("a", "06:00", "14:30")).expect(t, "PUT that makes a shift overlap", 409, "late")
	if e := p.get(t, "/api/v1/shifts/early").jsonObject(t); e["end"] != "14:00" {
		t.Errorf("the refused change is stored: %v", e)
	}
	list := p.get(t, "/api/v1/shifts?line=a").jsonObject(t)["shifts"].([]any)
	if len(list) != 2 {
		t.Errorf("%d shifts of line a, want 2", len(list))
	}
}

// Of many shifts that overlap each other and are put at the same time, one is stored.
func TestConcurrentOverlappingShifts(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	var wg sync.WaitGroup
	status := make([]int, 16)
	for i := range status {
		wg.Go(func() {
			a := p.putIn(t, "shifts", fmt.Sprint("shift-", i), `{"tz":"UTC","days":["mon"],"start":"06:00","end":"14:00"}`)
			status[i] = a.status
		})
	}
	wg.Wait()
	counts := map[int]int{}
	for _, s := range status {
		counts[s]++
	}
	if counts[201] != 1 || counts[409] != len(status)-1 {
		t.Errorf("statuses %v, want 201 once and 409 for the others", counts)
	}
	if list := p.get(t, "/api/v1/shifts").jsonObject(t)["shifts"].([]any); len(list) != 1 {
		t.Errorf("%d shifts are stored, want 1", len(list))
	}
}

func TestCalendarsNameShifts(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	calendar := `{"days":[{"date":"2030-12-24","shifts":["short"]}]}`
	p.putIn(t, "calendars", "xmas", calendar).expect(t, "PUT of a calendar without its shift", 400, "/days/0/shifts/0")
	p.putIn(t, "shifts", "short", `{"tz":"UTC","days":[],"start":"06:00","end":"10:00"}`)
	p.putIn(t, "calendars", "xmas", calendar).expect(t, "PUT of a calendar", 201, "")
	p.do(t, "DELETE", "/api/v1/shifts/short", "").expect(t, "DELETE of a shift that a calendar names", 409, "xmas")
	p.do(t, "DELETE", "/api/v1/calendars/xmas", "").expect(t, "DELETE of the calendar", 204, "")
	p.do(t, "DELETE", "/api/v1/shifts/short", "").expect(t, "DELETE of the shift", 204, "")
}

// A shift that is changed keeps its past, and what GET gives can be put back.
func TestShiftKeepsItsPast(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	p.putIn(t, "shifts", "day", `{"tz":"UTC","days":["mon"],"start":"06:00","end":"14:00"}`)
	a := p.putIn(t, "shifts", "day", `{"tz":"UTC","days":["mon"],"start":"07:00","end":"15:00","valid_from":"2030-01-01"}`)
	a.expect(t, "PUT of a change", 200, `"earlier":[`)
	if back := p.putIn(t, "shifts", "day", a.body); back.status != 200 || back.header["Etag"] != a.header["Etag"] {
		t.Errorf("what PUT gave put back = %+v, want the same version", back)
	}
}

func TestAlarmRulesReferToEachOther(t *testing.T) {
	t.Parallel()
	p := startPlant(t, nil)
	rule := func(suppressedBy string) string {
		return `{"machine":"press-1","metric":"temperature","severity":"low","when":{"op":">","limit":1},"suppressed_by":[` + suppressedBy + `]}`
	}
	p.putIn(t, "alarm-rules", "a", rule("")).expect(t, "PUT of a", 201, "")
	p.putIn(t, "alarm-rules", "b", rule(`"a"`)).expect(t, "PUT of b", 201, "")
	p.putIn(t, "alarm-rules", "c", rule(`"b"`)).expect(t, "PUT of c", 201, "")
	p.putIn(t, "alarm-rules", "a", rule(`"c"`)).expect(t, "PUT that closes a circle", 400, "/suppressed_by/0")
	p.putIn(t, "alarm-rules", "a", rule(`"d"`)).expect(t, "PUT with an unknown rule", 400, "/suppressed_by/0")
	p.do(t, "DELETE", "/api/v1/alarm-rules/a", "").expect(t, "DELETE of a rule that suppresses another", 409, `\"b\"`)
	p.do(t, "DELETE", "/api/v1/alarm-rules/c", "").expect(t, "DELETE of c", 204, "")
	for query, want := range map[string]int{"?machine=press-1": 2, "?machine=press-2": 0, "?metric=temperature&severity=low": 2, "?severity=high": 0} {
		if list := p.get(t, "/api/v1/alarm-rules"+query).jsonObject(t)["alarm_rules"].([]any); len(list) != want {
			t.Errorf("GET %s lists %d, want %d", query, len(list), want)
		}
	}
}
