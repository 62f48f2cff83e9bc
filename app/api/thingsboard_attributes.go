package api

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/thingsboard"

	"github.com/valyala/fasthttp"
)

// deviceAttributesQuery are the parameters of GET /api/v1/{token}/attributes.
var deviceAttributesQuery = []Parameter{
	{Name: "clientKeys", Description: "The client attributes to return, separated by commas; without any parameter, all.", Example: "firmware,model"},
	{Name: "sharedKeys", Description: "Shared attributes. There are none here."},
}

// postDeviceAttributes is POST /api/v1/{token}/attributes. Client attributes are readings
// of the present, as text or numbers.
func (a *API) postDeviceAttributes(ctx *fasthttp.RequestCtx, r request) error {
	machine := deviceOf(r)
	decode := func(b *ingest.Batch, body []byte) error { return thingsboard.DecodeAttributes(b, body, machine) }
	return a.ingestBody(ctx, r, decode, checkAllAccepted)
}

// postGatewayAttributes is POST /api/v1/{token}/gateway/attributes.
func (a *API) postGatewayAttributes(ctx *fasthttp.RequestCtx, r request) error {
	return a.ingestBody(ctx, r, thingsboard.DecodeGatewayAttributes, checkAllAccepted)
}

// getDeviceAttributes is GET /api/v1/{token}/attributes. The response has the form of
// ThingsBoard's, where a scope without attributes is missing.
func (a *API) getDeviceAttributes(ctx *fasthttp.RequestCtx, r request) error {
	keys, named := r.query["clientKeys"]
	_, shared := r.query["sharedKeys"]
	attributes := map[string]any{}
	if named || !shared {
		var err error
		if attributes, err = a.clientAttributes(deviceOf(r)); err != nil {
			return err
		}
	}
	if named {
		wanted := strings.Split(keys, ",")
		for key := range attributes {
			if !slices.Contains(wanted, key) {
				delete(attributes, key)
			}
		}
	}
	body := map[string]any{}
	if len(attributes) > 0 {
		body["client"] = attributes
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx.Response.Header.SetContentTypeBytes(jsonType)
	ctx.SetBody(text)
	return nil
}

// clientAttributes returns the newest values of a machine's client attributes.
func (a *API) clientAttributes(machine string) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	attributes := map[string]any{}
	q := factory.LatestQuery{Machine: machine, Limit: 1000}
	for {
		page, err := a.options.Store.Latest(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, reading := range page.Readings {
			if key, ok := thingsboard.AttributeKey(reading.Metric); ok && reading.Text != nil {
				attributes[key] = *reading.Text
			} else if ok {
				attributes[key] = reading.Value
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return attributes, nil
		}
	}
}

// postGatewayConnect is POST /api/v1/{token}/gateway/connect. It registers the machine.
func (a *API) postGatewayConnect(ctx *fasthttp.RequestCtx, r request) error {
	machine, err := a.gatewayDevice(ctx)
	if err != nil {
		return err
	}
	commit, cancel := context.WithTimeout(factory.WithSender(context.Background(), r.principal.Name), a.options.IngestTimeout)
	defer cancel()
	if _, err = a.options.Store.Machine(commit, machine); !isNotFound(err) {
		return err
	}
	if !a.options.AutoRegister {
		return &httpError{
			status: fasthttp.StatusBadRequest, detail: "machine " + machine + " is not registered, and AUTO_REGISTER is off",
			errors: []fieldError{{Pointer: "/device", Detail: "is not registered"}},
		}
	}
	_, _, err = a.options.Store.PutMachine(commit, factory.Machine{ID: machine}, factory.MatchNone)
	if isPrecondition(err) { // it was registered meanwhile
		return nil
	}
	return err
}

// postGatewayDisconnect is POST /api/v1/{token}/gateway/disconnect. Nothing follows from
// it: a machine is offline when it sends nothing (offline_after).
func (a *API) postGatewayDisconnect(ctx *fasthttp.RequestCtx, _ request) error {
	_, err := a.gatewayDevice(ctx)
	return err
}

// gatewayDevice returns the machine that the body names.
func (a *API) gatewayDevice(ctx *fasthttp.RequestCtx) (machine string, err error) {
	body, err := a.readBody(ctx)
	defer body.release()
	if err != nil {
		return "", err
	}
	if machine, err = thingsboard.DecodeDeviceName(body.data); err != nil {
		return "", err
	}
	if err := factory.ValidateName(factory.KindMachine, machine); err != nil {
		return "", &httpError{
			status: fasthttp.StatusBadRequest, detail: ingest.DetailOf(err),
			errors: []fieldError{{Pointer: "/device", Detail: ingest.DetailOf(err)}},
		}
	}
	return machine, nil
}
