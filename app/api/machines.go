package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"

	"github.com/valyala/fasthttp"
)

// machineJSON is a machine in a response.
type machineJSON struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Site string `json:"site"`
	Area string `json:"area"`
	Line string `json:"line"`
	// Path is site/area/line without empty parts at its end.
	Path       string            `json:"path"`
	Attributes map[string]string `json:"attributes"`
	// Signals is null if there are none, IdealCycle if it is unknown.
	Signals    json.RawMessage `json:"signals"`
	IdealCycle *float64        `json:"ideal_cycle_s"`
	CreatedAt  int64           `json:"created_at"`
	UpdatedAt  int64           `json:"updated_at"`
	LastSeen   *int64          `json:"last_seen"`
}

func toMachineJSON(m factory.Machine) machineJSON {
	out := machineJSON{
		ID: m.ID, Name: m.Name, Site: m.Site, Area: m.Area, Line: m.Line,
		Path:       strings.TrimRight(m.Site+"/"+m.Area+"/"+m.Line, "/"),
		Attributes: m.Attributes, Signals: m.Signals, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
	}
	if out.Attributes == nil {
		out.Attributes = map[string]string{}
	}
	if m.IdealCycle != 0 {
		out.IdealCycle = &m.IdealCycle
	}
	if m.LastSeen != 0 {
		out.LastSeen = &m.LastSeen
	}
	return out
}

// machineTag returns the entity tag, which changes with the description and with
// LastSeen.
func machineTag(m factory.Machine) string {
	return `"` + strconv.FormatInt(m.Version, 10) + "-" + strconv.FormatInt(m.LastSeen, 36) + `"`
}

var machinesQuery = []Parameter{
	{Name: "site", Description: "Only the machines of this site."},
	{Name: "area", Description: "Only the machines of this area."},
	{Name: "line", Description: "Only the machines of this line."},
	{Name: "q", Description: "Only the machines whose id begins with this text."},
	pageSizeParameter, cursorParameter,
}

// listMachines is GET /api/v1/machines.
func (a *API) listMachines(ctx *fasthttp.RequestCtx, r request) error {
	q := r.query
	limit, err := q.integer(pageSizeParameter)
	if err != nil {
		return err
	}
	storeCtx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	page, err := a.options.Store.Machines(storeCtx, factory.MachineQuery{
		Placement: factory.Placement{Site: q["site"], Area: q["area"], Line: q["line"]},
		Prefix:    q["q"], Cursor: q["cursor"], Limit: limit,
	})
	if err != nil {
		return err
	}
	list := make([]machineJSON, len(page.Machines))
	for i, m := range page.Machines {
		list[i] = toMachineJSON(m)
	}
	return writeList(ctx, "machines", list, page.NextCursor)
}

// getMachine is GET /api/v1/machines/{id}.
func (a *API) getMachine(ctx *fasthttp.RequestCtx, r request) error {
	m, err := a.machine(r.params[0])
	if err != nil {
		return err
	}
	if done, err := checkReadConditions(ctx, machineTag(m)); done || err != nil {
		return err
	}
	return writeEntry(ctx, fasthttp.StatusOK, toMachineJSON(m))
}

func (a *API) machine(id string) (factory.Machine, error) {
	storeCtx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	return a.options.Store.Machine(storeCtx, id)
}

func (a *API) machineVersion(id string) (int64, error) {
	m, err := a.machine(id)
	return versionOrZero(m.Version, err)
}

// writeEntry responds with an entry as JSON.
func writeEntry(ctx *fasthttp.RequestCtx, status int, entry any) error {
	body, err := encodeJSON(entry)
	if err != nil {
		return err
	}
	ctx.SetStatusCode(status)
	ctx.Response.Header.SetContentTypeBytes(jsonType)
	ctx.SetBody(body)
	return nil
}

// putMachine is PUT /api/v1/machines/{id}.
func (a *API) putMachine(ctx *fasthttp.RequestCtx, r request) error {
	body, err := a.readBody(ctx)
	defer body.release()
	if err != nil {
		return err
	}
	m, err := parseMachine(body.data, r.params[0])
	if err != nil {
		return err
	}
	match, err := writeCondition(ctx, func() (int64, error) { return a.machineVersion(m.ID) })
	if err != nil {
		return err
	}
	storeCtx, cancel := context.WithTimeout(factory.WithSender(context.Background(), r.principal.Name), a.options.IngestTimeout)
	defer cancel()
	stored, created, err := a.options.Store.PutMachine(storeCtx, m, match)
	if err != nil {
		return err
	}
	ctx.Response.Header.Set(fasthttp.HeaderETag, machineTag(stored))
	return writePutResponse(ctx, created, "/api/v1/machines/"+url.PathEscape(m.ID), toMachineJSON(stored))
}

// writePutResponse responds to a PUT with the stored entry.
func writePutResponse(ctx *fasthttp.RequestCtx, created bool, location string, entry any) error {
	status := fasthttp.StatusOK
	if created {
		status = fasthttp.StatusCreated
		ctx.Response.Header.Set(fasthttp.HeaderLocation, location)
	}
	return writeEntry(ctx, status, entry)
}

// maxSignalBytes is the largest size of the signals of a machine.
const maxSignalBytes = 32 << 10

// parseMachine parses the description of a machine. It ignores members that only a
// GET sets.
func parseMachine(body []byte, id string) (factory.Machine, error) {
	m := factory.Machine{ID: id}
	named, path := id, ""
	var idealCycle *float64
	err := readJSONObject(body, map[string]memberReader{
		"id": stringMember(&named), "name": stringMember(&m.Name), "path": stringMember(&path),
		"site": stringMember(&m.Site), "area": stringMember(&m.Area), "line": stringMember(&m.Line),
		"attributes": stringMapMember(&m.Attributes), "signals": rawMember(&m.Signals), "ideal_cycle_s": numberMember(&idealCycle),
		"created_at": ignoredMember, "updated_at": ignoredMember, "last_seen": ignoredMember,
	})
	if err != nil {
		return m, err
	}
	if err := factory.ValidateMachine(factory.Machine{ID: id}); err != nil {
		return m, err
	}
	if named != id {
		return m, invalidMembers([]fieldError{{Pointer: "/id", Detail: "differs from the machine in the path"}})
	}
	if m.Placement == (factory.Placement{}) && path != "" {
		parts := strings.SplitN(path, "/", 3)
		parts = append(parts, "", "")
		m.Site, m.Area, m.Line = parts[0], parts[1], parts[2]
	}
	faults := validateMachineMembers(m)
	if idealCycle != nil {
		m.IdealCycle = *idealCycle
		faults.AddError("/ideal_cycle_s", factory.ValidateIdealCycle(*idealCycle))
	}
	if len(m.Signals) > maxSignalBytes {
		faults.Add("/signals", fmt.Sprintf("has more than %d bytes", maxSignalBytes))
	} else if m.Signals != nil {
		_, err := timeline.ParseSignals(m.Signals)
		faults.AddError("/signals", err)
	}
	return m, faults.Err()
}

// validateMachineMembers checks each member of its own, so that the error points to
// those at fault.
func validateMachineMembers(m factory.Machine) (faults factory.MemberErrors) {
	for _, part := range []struct {
		pointer string
		only    factory.Machine
	}{
		{"/name", factory.Machine{ID: m.ID, Name: m.Name}},
		{"/site", factory.Machine{ID: m.ID, Placement: factory.Placement{Site: m.Site}}},
		{"/area", factory.Machine{ID: m.ID, Placement: factory.Placement{Area: m.Area}}},
		{"/line", factory.Machine{ID: m.ID, Placement: factory.Placement{Line: m.Line}}},
		{"/attributes", factory.Machine{ID: m.ID, Attributes: m.Attributes}},
	} {
		faults.AddError(part.pointer, factory.ValidateMachine(part.only))
	}
	return faults
}

var purgeParameter = Parameter{
	Name: "purge", Description: "Whether to delete the machine's history and metrics, too.", Words: []string{"false", "true"}, Default: "false",
}

// deleteMachine is DELETE /api/v1/machines/{id}.
func (a *API) deleteMachine(ctx *fasthttp.RequestCtx, r request) error {
	purge, err := r.query.word(purgeParameter)
	if err != nil {
		return err
	}
	match, err := writeCondition(ctx, func() (int64, error) { return a.machineVersion(r.params[0]) })
	if err != nil {
		return err
	}
	storeCtx, cancel := context.WithTimeout(factory.WithSender(context.Background(), r.principal.Name), a.options.IngestTimeout)
	defer cancel()
	if err := a.options.Store.DeleteMachine(storeCtx, r.params[0], match, purge == "true"); err != nil {
		return err
	}
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}
