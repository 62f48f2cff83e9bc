package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
)

// eventAt appends a posted event of a machine.
func (p *testServer) eventAt(t testing.TB, machine string, kind factory.EventKind, at int64, data string) {
	t.Helper()
	e := factory.Event{Machine: machine, Kind: kind, ObservedAt: at, Data: []byte(data)}
	if _, err := p.store.Write(context.Background(), factory.JournalBatch{Events: []factory.Event{e}}); err != nil {
		t.Fatal(err)
	}
}

const (
	early   = int64(1709512200000) // 2024-03-04 06:00 in Kolkata
	hour    = int64(3600_000)
	onEarly = "shift=early&day=2024-03-04"
)

// startLine starts a server with a line of two machines, which worked on one shift of
// eight hours with a break of one. m2 has no ideal cycle of its own.
func startLine(t testing.TB, change func(*api.Options, *testServer)) *testServer {
	t.Helper()
	p := startServer(t, change)
	admin := "Authorization: Bearer a"
	for _, c := range []struct{ path, body string }{
		{"machines/m1", `{"site":"s","area":"a","line":"l","ideal_cycle_s":10}`},
		{"machines/m2", `{"site":"s","area":"a","line":"l"}`},
		{"machines/m3", `{"site":"s","area":"a","line":"k"}`},
		{"products/p", `{"ideal_cycle_s":20}`},
		{"products/q", `{"name":"without a cycle"}`},
		{"shifts/early", `{"scope":{"line":"l"},"tz":"Asia/Kolkata","days":["mon"],"start":"06:00","end":"14:00","breaks":[{"start":"10:00","end":"11:00"}]}`},
	} {
		if r := p.do(t, "PUT", "/api/v1/"+c.path, c.body, admin); r.status != 201 {
			t.Fatalf("PUT %s = %d %s", c.path, r.status, r.body)
		}
	}
	p.eventAt(t, "m1", factory.EventState, early-hour, `{"state":"idle"}`)
	p.eventAt(t, "m1", factory.EventState, early+hour, `{"state":"running"}`)
	p.eventAt(t, "m1", factory.EventState, early+3*hour, `{"state":"fault","reason":"jam"}`)
	p.eventAt(t, "m1", factory.EventState, early+6*hour, `{"state":"running"}`)
	p.eventAt(t, "m1", factory.EventCount, early, `{"good":100}`)           // the first moment belongs to the shift
	p.eventAt(t, "m1", factory.EventCount, early+2*hour, `{"scrap":10}`)    // of no product
	p.eventAt(t, "m1", factory.EventCount, early+4*hour, `{"good":7}`)      // in the break
	p.eventAt(t, "m1", factory.EventCount, early+8*hour, `{"good":100000}`) // the end does not
	p.eventAt(t, "m1", factory.EventProduct, early+6*hour, `{"product":"p"}`)
	p.eventAt(t, "m1", factory.EventCount, early+7*hour, `{"good":200,"rework":5}`)
	p.eventAt(t, "m2", factory.EventState, early, `{"state":"running"}`)
	p.eventAt(t, "m2", factory.EventState, early+7*hour, `{"state":"planned_stop"}`)
	p.eventAt(t, "m2", factory.EventCount, early+hour, `{"good":500,"product":"p"}`)
	return p
}

// figures reads the members of an answer by their paths, such as "total.oee".
func figures(t testing.TB, r response, paths ...string) string {
	t.Helper()
	if r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	var list []string
	for _, path := range paths {
		var at any
		if err := json.Unmarshal([]byte(r.body), &at); err != nil {
			t.Fatal(err)
		}
		for name := range strings.SplitSeq(path, ".") {
			var index int
			switch v := at.(type) {
			case map[string]any:
				at = v[name]
			case []any:
				if _, err := fmt.Sscan(name, &index); err != nil || index >= len(v) {
					t.Fatalf("there is no %s in %s", path, r.body)
				}
				at = v[index]
			}
		}
		if f, ok := at.(float64); ok {
			at = math.Round(f*1e9) / 1e9
		}
		list = append(list, fmt.Sprint(at))
	}
	return strings.Join(list, " ")
}

func TestOEE(t *testing.T) {
	t.Parallel()
	p := startLine(t, nil)
	times := []string{"total.pot_s", "total.pbt_s", "total.apt_s", "total.good", "total.scrap", "total.rework", "total.total", "total.ideal_s", "total.unscheduled.good"}
	for query, want := range map[string]string{
		"machine=m1&" + onEarly: "25200 25200 14400 300 10 5 315 5200 7",
		"machine=m2&" + onEarly: "25200 21600 21600 500 0 0 500 10000 0",
		"line=l&" + onEarly:     "50400 46800 36000 800 10 5 815 15200 7",
		"line=s/a/l&" + onEarly: "50400 46800 36000 800 10 5 815 15200 7",
		onEarly:                 "50400 46800 36000 800 10 5 815 15200 7",
		"line=k&from=0&to=1":    "0 0 0 0 0 0 0 0 0",
		"machine=m1&tz=Asia/Kolkata&from=2024-03-04T06:00&to=2024-03-04T14:00": "25200 25200 14400 300 10 5 315 5200 7",
		"machine=m1&from=2024-03-04T00:30&to=2024-03-04T00:30":                 "0 0 0 0 0 0 0 0 0",
	} {
		if got := figures(t, p.get(t, "/api/v1/oee?"+query), times...); got != want {
			t.Errorf("GET oee?%s = %s, want %s", query, got, want)
		}
	}
	got := figures(t, p.get(t, "/api/v1/oee?line=l&"+onEarly), "from", "to", "scope.line", "shift", "day", "by", "total.availability", "total.effectiveness", "total.quality",
		"total.oee", "total.losses.fault", "total.losses.idle", "total.losses.speed", "total.losses.quality", "total.failures", "total.mttr_s", "total.mtbf_s", "total.why.mtbf_s", "total.flags")
	const want = "1.7095122e+12 1.709541e+12 l early 2024-03-04 [] 0.769230769 0.422222222 0.986842105 " +
		"0.320512821 7200 3600 20800 200 1 7200 <nil> no failure followed another one []"
	if got != want {
		t.Errorf("the line's shift:\n%s\nwant\n%s", got, want)
	}
}

func TestOEEGroups(t *testing.T) {
	t.Parallel()
	p := startLine(t, nil)
	for query, want := range map[string]string{
		"by=machine&line=l&" + onEarly:                                                                            "m1 25200 315 m2 25200 500",
		"by=product&line=l&" + onEarly:                                                                            " 43200 110 p 7200 705",
		"by=shift&machine=m1&from=2024-03-04T00:00&to=2024-03-05T00:00":                                           "early 25200 315",
		"by=day&machine=m1&from=2024-03-03T23:00&to=2024-03-05T00:00":                                             "2024-03-03 0 0 2024-03-04 25200 315",
		"by=day&machine=m1&tz=America/New_York&from=2024-03-03T00:00&to=2024-03-04T05:00":                         "2024-03-03 14400 110 2024-03-04 10800 205",
		"by=hour&machine=m1&tz=Asia/Kolkata&from=2024-03-04T05:30&to=2024-03-04T06:30":                            "2024-03-04T05:00:00+05:30 0 0 2024-03-04T06:00:00+05:30 1800 100",
		"by=hour&machine=m1&tz=America/New_York&from=2024-03-03T19:30&to=2024-03-03T20:30":                        "2024-03-03T19:00:00-05:00 1800 100 2024-03-03T20:00:00-05:00 1800 0",
		"by=machine&line=k&from=2024-03-03T19:30&to=2024-03-03T20:30":                                             "m3 0 0",
		"by=shift&line=k&from=2024-03-03T19:30&to=2024-03-03T20:30":                                               "",
		"by=product&machine=m2&from=2024-03-04T00:30&to=2024-03-04T03:30&site=s":                                  " 10800 0 p 0 500",
		"by=day&machine=m1&tz=Asia/Kolkata&from=2024-03-04T13:00&to=2024-03-04T14:00&line=l&area=a&site=s":        "2024-03-04 3600 205",
		"by=day&machine=m1&tz=Asia/Kolkata&from=2024-03-04T13:00:00.001&to=2024-03-04T14:00&line=l&area=a&site=s": "2024-03-04 3599.999 0",
	} {
		r := p.get(t, "/api/v1/oee?"+query)
		var answer struct {
			By []struct {
				Key   string
				POT   float64 `json:"pot_s"`
				Total float64
			}
		}
		if err := json.Unmarshal([]byte(r.body), &answer); err != nil || r.status != 200 {
			t.Errorf("GET oee?%s = %d %s", query, r.status, r.body)
			continue
		}
		var got []string
		for _, g := range answer.By {
			got = append(got, fmt.Sprint(g.Key, " ", g.POT, " ", g.Total))
		}
		if list := strings.Join(got, " "); list != want {
			t.Errorf("GET oee?%s = %q, want %q", query, list, want)
		}
	}
}

func TestOEECycleUnknown(t *testing.T) {
	t.Parallel()
	p := startLine(t, nil)
	p.eventAt(t, "m2", factory.EventCount, early+hour, `{"good":3,"scrap":1,"product":"q"}`)
	got := figures(t, p.get(t, "/api/v1/oee?machine=m2&"+onEarly), "total.total", "total.oee", "total.why.oee", "total.losses.speed", "total.losses.setup")
	if want := `504 <nil> neither product "q" nor a machine that made it has an ideal cycle <nil> 0`; got != want {
		t.Errorf("with an unknown cycle: %s, want %s", got, want)
	}
}

func TestOEEReasons(t *testing.T) {
	t.Parallel()
	p := startLine(t, nil)
	p.eventAt(t, "m2", factory.EventState, early+2*hour, `{"state":"blocked","reason":"jam"}`)
	got := figures(t, p.get(t, "/api/v1/oee/reasons?line=l&"+onEarly), "downtime_s", "reasons.0.reason", "reasons.0.seconds", "reasons.0.count", "reasons.0.share",
		"reasons.0.states.blocked", "reasons.0.states.fault", "reasons.1.reason", "reasons.1.seconds", "reasons.1.cumulative_share")
	if want := "25200 jam 21600 2 0.857142857 14400 7200  3600 1"; got != want {
		t.Errorf("reasons: %s, want %s", got, want)
	}
}

func TestOEEErrors(t *testing.T) {
	t.Parallel()
	p := startLine(t, func(o *api.Options, _ *testServer) {
		list, err := access.Parse("a:admin:a,i:ingest:i,r:read:r", 1)
		if err != nil {
			t.Fatal(err)
		}
		o.Keys = access.NewKeys(list)
	})
	for query, want := range map[string]string{
		"":                                 `400 from: is missing`,
		"to=2024-01-01":                    `400 from: is missing`,
		"from=2024-01-02&to=2024-01-01":    `400 from: is after to`,
		"from=2999-01-02":                  `400 from: is after to`,
		"from=2020-01-02&to=2024-01-01":    `400 to: is more than 400 days after from`,
		"from=x":                           `400 from: `,
		"from=&to=1":                       `400 from: is empty`,
		"from=0&to=1&tz=Mars/North":        `400 tz: Mars/North is not the name of a time zone`,
		"from=0&to=1&by=week":              `400 by: "week" is not one of shift, day, hour, machine, product`,
		"from=0&to=1&machine=mm":           `404 machine: there is no machine "mm"`,
		"from=0&to=1&machine=m1&line=k":    `404 machine: `,
		"from=0&to=1&line=x":               `404 line: there is no machine in the line "x"`,
		"from=0&to=1&area=x&site=s":        `404 area: `,
		"from=0&to=1&site=x":               `404 site: `,
		"from=0&to=1&line=s/a/l&site=s":    `400 site: is part of line already`,
		"from=0&to=1&machine=":             `400 machine: is empty`,
		"from=0&to=1&day=2024-03-04":       `400 day: is only for a shift`,
		"from=0&to=1&scope=x":              `400 scope: is unknown`,
		"shift=early":                      `400 day: is the day on which`,
		"shift=&day=2024-03-04":            `400 shift: is empty`,
		"shift=early&day=4.3.2024":         `400 day: is the day on which`,
		"shift=early&day=2024-02-30":       `400 day: is the day on which`,
		"shift=early&day=2024-03-05":       `404 day: shift "early" does not take place there on 2024-03-05`,
		"shift=late&day=2024-03-04":        `404 shift: there is no shift "late"`,
		"line=k&" + onEarly:                `404 day: shift "early" does not take place there on 2024-03-04`,
		onEarly + "&from=0":                `400 from: cannot be combined with shift`,
		"from=2023-12-01&to=2024-12-01&by": `400 by: `,
	} {
		for _, path := range []string{"/api/v1/oee", "/api/v1/oee/reasons"} {
			if path != "/api/v1/oee" && strings.Contains(query, "by") {
				continue
			}
			r := p.get(t, path+"?"+query, "Authorization: Bearer r")
			e := r.problem(t)
			if len(e.Errors) != 1 || !strings.HasPrefix(fmt.Sprint(r.status, " ", e.Errors[0].Pointer, ": ", e.Errors[0].Detail), want) {
				t.Errorf("GET %s?%s = %d %s, want %s", path, query, r.status, r.body, want)
			}
		}
	}
	for key, want := range map[string]int{"r": 200, "a": 200, "i": 403, "x": 401} {
		if r := p.get(t, "/api/v1/oee?"+onEarly, "Authorization: Bearer "+key); r.status != want {
			t.Errorf("GET oee by %s = %d, want %d", key, r.status, want)
		}
	}
}
