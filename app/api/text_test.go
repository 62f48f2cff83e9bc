package api_test

import (
	"strings"
	"testing"
)

func TestTexts(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	body := `[{"machine":"m","ts":1700000001000,"values":{"state":"RUN","speed":5}},{"machine":"m","ts":1700000002000,"values":{"state":"RUN"}},` +
		`{"machine":"m","ts":1700000003000,"values":{"state":"=1+1, \"x\""}}]`
	if a := p.post(t, body); a.status != 200 || !strings.HasPrefix(a.body, `{"accepted":4,"rejected":0`) {
		t.Fatalf("POST = %+v", a)
	}
	for path, want := range map[string]string{
		"/api/v1/latest": `{"readings":[{"machine":"m","metric":"speed","unit":"","ts":1700000001000,"value":5},{"machine":"m","metric":"state","unit":"","ts":1700000003000,"text":"=1+1, \"x\""}],"next_cursor":null}`,
		"/api/v1/machines/m/history?metric=state":                `{"machine":"m","series":[{"metric":"state","unit":"","points":[[1700000001000,"RUN"],[1700000003000,"=1+1, \"x\""]]}],"next_cursor":null}`,
		"/api/v1/machines/m/history?format=csv":                  "ts,machine,metric,value\r\n1700000001000,m,speed,5\r\n1700000001000,m,state,RUN\r\n1700000003000,m,state,\"'=1+1, \"\"x\"\"\"\r\n",
		"/api/v1/machines/m/history?metric=state&format=ndjson":  `{"ts":1700000001000,"machine":"m","values":{"state":"RUN"}}` + "\n" + `{"ts":1700000003000,"machine":"m","values":{"state":"=1+1, \"x\""}}` + "\n",
		"/api/v1/machines/m/history?interval=1h&agg=count":       `{"machine":"m","series":[{"metric":"speed","unit":"","points":[[1699999200000,{"count":1}]]}],"next_cursor":null}`,
		"/api/v1/machines/m/history?points=2":                    `{"machine":"m","series":[{"metric":"speed","unit":"","points":[[1700000001000,5]]}],"next_cursor":null}`,
		"/api/v1/machines/m/history?metric=state&limit=1":        "",
		"/api/v1/machines/m/history?from=1700000002000&limit=10": `{"machine":"m","series":[{"metric":"state","unit":"","points":[[1700000003000,"=1+1, \"x\""]]}],"next_cursor":null}`,
	} {
		if a := p.do(t, "GET", path, ""); a.status != 200 || want != "" && a.body != want {
			t.Errorf("GET %s = %d %s, want %s", path, a.status, a.body, want)
		}
	}
	if a := p.post(t, `{"machine":"m","ts":1700000004000,"values":{"state":"STOP","speed":"fast"}}`); a.body !=
		`{"accepted":1,"rejected":1,"errors":[{"pointer":"/values/speed","detail":"metric \"speed\" is a gauge, not a text"}]}` {
		t.Errorf("a text for a gauge = %s", a.body)
	}
	p.post(t, `[{"machine":"m","ts":1700000001500,"values":{"state":1}},{"machine":"m","ts":1700000003500,"values":{"state":2}},{"machine":"m","ts":1700000003600,"values":{"state":3}}]`)
	want := `{"machine":"m","series":[{"metric":"state","unit":"","points":[[1700000001000,"RUN"],[1700000001500,1],[1700000003000,"=1+1, \"x\""],[1700000003500,2],[1700000003600,3],[1700000004000,"STOP"]]}],"next_cursor":null}`
	if a := p.do(t, "GET", "/api/v1/machines/m/history?metric=state", ""); a.body != want {
		t.Errorf("numbers and texts = %s, want %s", a.body, want)
	}
	if a := p.do(t, "GET", "/api/v1/machines/m/metrics/state", ""); !strings.Contains(a.body, `"kind":"text"`) {
		t.Errorf("metric = %s, want a text", a.body)
	}
}
