package server

import (
	"encoding/json"
	"os"

	"smart-factory-backend/app/api"
	"smart-factory-backend/app/control"

	"github.com/valyala/fasthttp"
)

// System is the response of GET /api/v1/system: what the live page shows about the
// process that answers. With several replicas, each answers for itself.
type System struct {
	// Host is the name of the machine or pod.
	Host string `json:"host"`
	// Health is the body of the liveness probe.
	Health json.RawMessage `json:"health"`
	// Sessions counts the open ones by transport.
	Sessions map[string]int `json:"sessions"`
	control.Status
}

// getSystem is GET /api/v1/system.
func (a *App) getSystem(ctx *fasthttp.RequestCtx, _ api.Client) error {
	status, err := controlHandler{a}.Status(ctx)
	if err != nil {
		return err
	}
	host, _ := os.Hostname() // without one, the pid tells processes apart
	health, _ := a.health.Live()
	body, err := json.Marshal(System{Host: host, Health: health, Sessions: a.sessions.live.Stats().Sessions, Status: status})
	if err != nil {
		return err
	}
	h := &ctx.Response.Header
	h.SetContentType("application/json")
	h.Set(fasthttp.HeaderCacheControl, "no-store")
	ctx.SetBody(body)
	return nil
}
