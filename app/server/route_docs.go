package server

import (
	"smart-factory-backend/app/api"

	"github.com/valyala/fasthttp"
)

// The OpenAPI descriptions of the routes that the server adds to the API.
var (
	webSocketDocs = map[string]api.Operation{fasthttp.MethodGet: {
		ID: "webSocket", Tag: "realtime", Summary: "Subscribe to rooms over WebSocket (RFC 6455)",
		Description: `The messages are JSON: {"op":"subscribe","id":1,"rooms":[…]}, unsubscribe, ping, and telemetry, which has the members of POST /api/v1/telemetry besides op and id. The server answers each with its id and ok.`,
		Responses: []api.Response{
			{Status: 101, Description: "The connection switches to WebSocket."},
			{Status: 426, Description: "The request is not a WebSocket handshake.", Content: api.Content{"application/problem+json": "Problem"}},
		},
	}}
	streamDocs = map[string]api.Operation{fasthttp.MethodGet: {
		ID: "getStream", Tag: "realtime", Summary: "Subscribe to rooms with Server-Sent Events",
		Description: "Each message has the name of the event as event, the room and its sequence number as id, and {event, room, seq, data} as data. A snapshot of each room comes first.",
		Query: []api.Parameter{{
			Name: "rooms", Required: true, List: true, Example: "all",
			Description: "The rooms: machine:ID, line:SITE/AREA/LINE, alarms or all. Separate several by commas.",
		}},
		Responses: []api.Response{{Status: 200, Description: "A stream without an end.", Content: api.Content{"text/event-stream": ""}}},
	}}
	socketIODocs = map[string]api.Operation{
		fasthttp.MethodGet: {
			ID: "socketIOGet", Tag: "realtime", Summary: "Subscribe to rooms over Socket.IO",
			Description: "Engine.IO 4 and Socket.IO 5 over long polling and WebSocket. Use a Socket.IO client, with the API key in auth.token.",
			Query: []api.Parameter{
				engineIOVersion,
				{Name: "transport", Description: "The transport of the session.", Words: []string{"polling", "websocket"}, Required: true},
				{Name: "sid", Description: "The session; without it, a new one begins."},
			},
			OwnErrors: true,
			Responses: []api.Response{
				{Status: 101, Description: "The connection switches to WebSocket."},
				{Status: 200, Description: "Packets.", Content: api.Content{"text/plain": ""}},
				{Status: 400, Description: engineIOError, Content: api.JSON("Object")},
				{Status: 403, Description: engineIOError, Content: api.JSON("Object")},
				{Status: 429},
				{Status: 503},
			},
		},
		fasthttp.MethodPost: {
			ID: "socketIOPost", Tag: "realtime", Summary: "Send packets of a polling session",
			Query: []api.Parameter{
				engineIOVersion,
				{Name: "transport", Description: "The transport of the session.", Words: []string{"polling"}, Required: true},
				{Name: "sid", Description: "The session.", Required: true},
			},
			Body:      api.Content{"text/plain": ""},
			OwnErrors: true,
			Responses: []api.Response{
				{Status: 200, Description: "The packets are accepted.", Content: api.Content{"text/html": ""}},
				{Status: 400, Description: engineIOError, Content: api.JSON("Object")},
				{Status: 413},
				{Status: 429},
				{Status: 503},
			},
		},
	}
	engineIOVersion = api.Parameter{Name: "EIO", Description: "The version of Engine.IO.", Words: []string{"4"}, Required: true}
	manualDocs      = map[string]api.Operation{fasthttp.MethodGet: {
		ID: "getManual", Tag: "documents", Summary: "Show the operator's manual",
		Responses: []api.Response{{Status: 200, Description: "The index of the manual; its pages are below this path.", Content: api.Content{"text/html": ""}}},
	}}
)

const engineIOError = "An error of Engine.IO."
