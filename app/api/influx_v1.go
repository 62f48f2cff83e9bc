package api

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"smart-factory-backend/app/ingest/jsonscan"
	"smart-factory-backend/app/ingest/lineprotocol"

	"github.com/valyala/fasthttp"
)

// The part of InfluxDB's v1 API that clients need which write: /write, and the
// statements with which they look for their database and create it.

// postInfluxV1Write is POST /write. It ignores the database and the retention policy.
func (a *API) postInfluxV1Write(ctx *fasthttp.RequestCtx, req request) error {
	precision, ok := lineprotocol.ParsePrecisionV1(string(ctx.QueryArgs().Peek("precision")))
	if !ok {
		return invalidParam("precision", "must be one of n, ns, u, us, ms, s, m, h")
	}
	setInfluxVersion(ctx)
	return a.ingestLines(ctx, req, precision)
}

// writeInfluxV1Error writes the response to an error in the form of InfluxDB 1.
func writeInfluxV1Error(ctx *fasthttp.RequestCtx, err error) {
	setInfluxVersion(ctx)
	e, response := influxError(err)
	body, _ := json.Marshal(influxV1ErrorBody{response.Message}) // strings only
	e.writeTo(ctx, "application/json", body)
	if e.status == fasthttp.StatusUnauthorized { // clients that wait for a challenge know no other
		ctx.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, `Basic realm="InfluxDB"`)
	}
}

// influxV1ErrorBody is the body of an error response of InfluxDB 1.
type influxV1ErrorBody struct {
	Error string `json:"error"`
}

// influxV1ResultsJSON is the body of a response of /query.
type influxV1ResultsJSON struct {
	Results []influxV1ResultJSON `json:"results"`
}

type influxV1ResultJSON struct {
	StatementID int                  `json:"statement_id"`
	Series      []influxV1SeriesJSON `json:"series,omitempty"`
}

type influxV1SeriesJSON struct {
	Name    string   `json:"name,omitempty"`
	Columns []string `json:"columns"`
	Values  [][]any  `json:"values"`
}

// influxV1Query is GET and POST /query.
func (a *API) influxV1Query(ctx *fasthttp.RequestCtx, _ request) error {
	form := ctx.QueryArgs()
	query := form.Peek("q")
	if len(query) == 0 && ctx.IsPost() {
		body, err := a.readBody(ctx)
		defer body.release()
		if err != nil {
			return err
		}
		posted := fasthttp.AcquireArgs()
		defer fasthttp.ReleaseArgs(posted)
		posted.ParseBytes(body.data)
		query = bytes.Clone(posted.Peek("q"))
	}
	if len(query) == 0 {
		return &httpError{status: fasthttp.StatusBadRequest, detail: `missing required parameter "q"`}
	}
	response := influxV1ResultsJSON{}
	for i, statement := range splitInfluxQL(string(query)) {
		series, ok := answerInfluxQL(statement, string(form.Peek("db")))
		if !ok {
			return refusedStatement(statement)
		}
		response.Results = append(response.Results, influxV1ResultJSON{i, series})
	}
	setInfluxVersion(ctx)
	writeInfluxJSON(ctx, response)
	return nil
}

// refusedStatement returns the error of a statement that is not supported.
func refusedStatement(statement []string) error {
	shown := strings.ToValidUTF8(jsonscan.Excerpt(strings.Join(statement, " ")), "\uFFFD")
	return &httpError{status: fasthttp.StatusBadRequest, detail: "not supported: " + shown +
		"; this server takes writes of InfluxDB's clients and answers CREATE DATABASE, SHOW DATABASES and SHOW RETENTION POLICIES; " +
		"read with GET /api/v1/latest and GET /api/v1/machines/{id}/history"}
}

// answerInfluxQL returns the series of a statement's result. ok is false for a
// statement that is not supported. A write may name any database, so each one that
// a client creates or uses exists.
func answerInfluxQL(statement []string, database string) (series []influxV1SeriesJSON, ok bool) {
	begins := func(words ...string) bool {
		if len(statement) < len(words) {
			return false
		}
		for i, word := range words {
			if !strings.EqualFold(statement[i], word) {
				return false
			}
		}
		return true
	}
	switch {
	case begins("CREATE", "DATABASE") && len(statement) > 2,
		begins("CREATE", "RETENTION", "POLICY") && len(statement) > 3,
		begins("ALTER", "RETENTION", "POLICY") && len(statement) > 3:
		return nil, true
	case begins("SHOW", "DATABASES") && len(statement) == 2:
		if database == "" || !utf8.ValidString(database) {
			database = influxBucket
		}
		return []influxV1SeriesJSON{{"databases", []string{"name"}, [][]any{{database}}}}, true
	case begins("SHOW", "RETENTION", "POLICIES"):
		return []influxV1SeriesJSON{{"", []string{"name", "duration", "shardGroupDuration", "replicaN", "default"}, [][]any{{"autogen", "0s", "168h0m0s", 1, true}}}}, true
	}
	return nil, false
}

// splitInfluxQL splits a query at its semicolons into statements, and these into
// words. A word in quotes keeps them.
func splitInfluxQL(query string) (statements [][]string) {
	var statement []string
	begin, quote := -1, byte(0)
	endWord := func(end int) {
		if begin >= 0 {
			statement, begin = append(statement, query[begin:end]), -1
		}
	}
	for i := 0; i < len(query); i++ {
		c := query[i]
		switch {
		case quote != 0:
			switch c {
			case '\\':
				i++
			case quote:
				quote = 0
			}
		case c == ';':
			if endWord(i); len(statement) > 0 {
				statements, statement = append(statements, statement), nil
			}
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			endWord(i)
		default:
			if c == '"' || c == '\'' {
				quote = c
			}
			if begin < 0 {
				begin = i
			}
		}
	}
	endWord(len(query))
	if len(statement) > 0 || len(statements) == 0 {
		statements = append(statements, statement)
	}
	return statements
}
