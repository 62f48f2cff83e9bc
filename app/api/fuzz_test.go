package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"

	"github.com/valyala/fasthttp"
)

// A valid description parses to what encoding/json reads from it.
func FuzzParseMachine(f *testing.F) {
	f.Add([]byte(`{"id":"m","name":"Press 4","site":"berlin","area":null,"line":"a","attributes":{"a":"b","\u00fc":"\n"}}`))
	f.Add([]byte(`{"path":"a/b/c","created_at":1,"last_seen":{"x":[1]}}`))
	f.Add([]byte(`{"site":"a","site":"b","x":1,"attributes":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseMachine(bytes.Clone(body), "m")
		if err != nil {
			if e := toHTTPError(err); e.status != 400 && e.status != 413 {
				t.Fatalf("readMachine = %v, want a 400", err)
			}
			return
		}
		if err := factory.ValidateMachine(m); err != nil {
			t.Fatalf("readMachine took %+v, which is not valid: %v", m, err)
		}
		var want struct {
			Name, Site, Area, Line string
			Attributes             map[string]string
		}
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("readMachine took what encoding/json refuses: %v", err)
		}
		placed := want.Site+want.Area+want.Line != ""
		if m.Name != want.Name || placed && m.Placement != (factory.Placement{Site: want.Site, Area: want.Area, Line: want.Line}) || !maps.Equal(m.Attributes, want.Attributes) {
			t.Fatalf("readMachine = %+v, encoding/json has %+v", m, want)
		}
	})
}

func FuzzParseMetric(f *testing.F) {
	f.Add([]byte(`{"machine":"m","metric":"t","unit":"Cel","kind":"counter","expected_min":-1.5,"expected_max":null,"retention":"30d"}`))
	f.Add([]byte(`{"unit":"m/s2","retention":"PT36H"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseMetric(bytes.Clone(body), "m", "t")
		if err != nil {
			if e := toHTTPError(err); e.status != 400 && e.status != 413 {
				t.Fatalf("readMetric = %v, want a 400", err)
			}
			return
		}
		if err := factory.ValidateMetric(m); err != nil {
			t.Fatalf("readMetric took %+v, which is not valid: %v", m, err)
		}
		out, err := json.Marshal(toMetricJSON(m))
		if err != nil {
			t.Fatal(err)
		}
		back, err := parseMetric(out, "m", "t")
		if err != nil || back.Unit != m.Unit || back.Kind != m.Kind || back.Retention != m.Retention || (back.ExpectedMin == nil) != (m.ExpectedMin == nil) {
			t.Fatalf("readMetric(%s) = %+v, %v; want %+v", out, back, err, m)
		}
	})
}

// Any value of a query parameter is valid or a 400.
func FuzzQueryValues(f *testing.F) {
	for _, seed := range []string{"1h", "P1D", "PT15M", "1mo", "30d", "forever", "Europe/Berlin", "Etc/GMT 1", "min,max", "2026-03-29T02:30", "2026-03-29T02:30:00+01:00", "1700000000000", "-9223372036854775808"} {
		f.Add(seed)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var errs []error
		interval, err := parseInterval(text, true)
		errs = append(errs, err)
		if err == nil && interval.Validate() != nil {
			t.Fatalf("intervalOf(%q) = %+v, which is not valid", text, interval)
		}
		zone, err := loadZone(text)
		errs = append(errs, err)
		if err == nil && zone == nil {
			t.Fatalf("zoneOf(%q) = no zone", text)
		}
		_, err = parseAggregates(text)
		errs = append(errs, err)
		for _, err := range errs {
			if e, ok := errors.AsType[*httpError](err); err != nil && (!ok || e.status != 400) {
				t.Fatalf("%q: %v, want a 400", text, err)
			}
		}
		if d, err := parseRetention(text); err == nil {
			if back, err := parseRetention(formatRetention(d)); err != nil || back != d {
				t.Fatalf("retention %q = %v, and its text %q %v, %v", text, d, formatRetention(d), back, err)
			}
		}
		if at, err := ingest.ParseTime(text, berlin); err == nil && fourDigits(at) {
			shown := string(appendTime(nil, at, berlin))
			if back, err := ingest.ParseTime(shown, time.UTC); err != nil || back != at {
				t.Fatalf("%q is %d, and its text %q %d, %v", text, at, shown, back, err)
			}
		}
	})
}

// fourDigits reports whether RFC 3339 can express the year in every zone.
func fourDigits(at int64) bool {
	year := time.UnixMilli(at).UTC().Year()
	return year >= 1 && year <= 9998
}

// Any If-Match and If-None-Match are a valid condition or a 400.
func FuzzConditions(f *testing.F) {
	for _, seed := range []string{"", "*", `"3"`, `W/"3-0"`, `"1", "2-x" ,"3"`, `"`, `""`, `"-1"`, `"99999999999999999999"`, ","} {
		f.Add(seed, "")
		f.Add("", seed)
	}
	f.Fuzz(func(t *testing.T, match, none string) {
		var ctx fasthttp.RequestCtx
		ctx.Request.Header.Set(fasthttp.HeaderIfMatch, match)
		ctx.Request.Header.Set(fasthttp.HeaderIfNoneMatch, none)
		for _, now := range []int64{0, 3} {
			got, err := writeCondition(&ctx, func() (int64, error) { return now, nil })
			if err != nil {
				if e := toHTTPError(err); e.status != 400 {
					t.Fatalf("matchOf(%q, %q) = %v, want a 400", match, none, err)
				}
				continue
			}
			if got < factory.MatchNone {
				t.Fatalf("matchOf(%q, %q) = %d, which is no condition", match, none, got)
			}
			if match == `"3"` && none == "" && got.Allows(now) != (now == 3) {
				t.Fatalf("If-Match: \"3\" allows version %d: %v", now, got.Allows(now))
			}
		}
		if _, err := checkReadConditions(&ctx, `"3-0"`); err != nil && toHTTPError(err).status != 400 && toHTTPError(err).status != 412 {
			t.Fatalf("notModified(%q, %q) = %v", match, none, err)
		}
	})
}
