// Asks questions in one session: go run ask.go ws://HOST:PORT TOKEN SESSION QUESTION... Needs github.com/gorilla/websocket.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"net/http"
	"os"
	"time"

	"github.com/gorilla/websocket"
)

type frame struct {
	Type, Epoch, Text, Kind string
	At                      *string
	Seq, Offset             int
	Retryable               bool
	Final                   string `json:"final_response"`
}

var (
	stayAway = map[int]bool{1000: true, 1003: true, 1007: true, 1008: true, 1009: true, 4401: true, 4404: true, 4429: true}
	retry    = map[int]bool{429: true, 502: true, 503: true, 504: true}
	ends     = map[string]bool{"turn_complete": true, "interrupted": true, "error": true, "refused": true}
	position string
	answer   []rune
	failures float64
)

// One socket, from its start to its end. What is left of the questions.
func connect(server, token, session, run string, waiting []string) []string {
	header := http.Header{"Authorization": {"Bearer " + token}}
	dialer := websocket.Dialer{Subprotocols: []string{"holdfast.v1.json"}, HandshakeTimeout: 30 * time.Second}
	socket, response, err := dialer.Dial(server+"/ws/"+session+position, header)
	if err != nil {
		if response != nil && !retry[response.StatusCode] {
			fmt.Fprintln(os.Stderr, "refused:", response.Status)
			os.Exit(1)
		}
		return waiting
	}
	defer socket.Close()
	epoch, live := "", false
	for {
		socket.SetReadDeadline(time.Now().Add(40 * time.Second)) // the server sends something at least every 15 s
		_, message, err := socket.ReadMessage()
		if closed, ok := err.(*websocket.CloseError); ok && stayAway[closed.Code] {
			fmt.Fprintln(os.Stderr, closed)
			os.Exit(1)
		} else if err != nil {
			return waiting
		}
		for _, line := range bytes.Split(message, []byte("\n")) {
			var one frame
			if json.Unmarshal(line, &one) != nil || (one.Type == "refused" && one.Retryable) {
				return waiting // such as `going_away`: come back and ask again
			}
			if one.Type == "ready" {
				epoch = one.Epoch
			} else if one.Type == "assistant_chunk" && one.Kind == "text" {
				answer = append(answer[:min(one.Offset, len(answer))], []rune(one.Text)...)
			} else if ends[one.Type] && one.Final != "" {
				fmt.Println(one.Final)
			} else if ends[one.Type] {
				fmt.Printf("%s (%s)\n", string(answer), one.Type)
			}
			if ends[one.Type] {
				waiting = waiting[1:]
			}
			if live = live || one.Type == "synced"; one.Type == "synced" || (live && one.At != nil) {
				position, failures = fmt.Sprintf("?after=%d&epoch=%s", one.Seq, epoch), 0
			}
			if len(waiting) == 0 {
				return waiting
			}
			if one.Type == "synced" || ends[one.Type] { // again after a cut: its id makes sure it is done once
				id := fmt.Sprintf("%s-%d", run, len(waiting))
				socket.WriteJSON(map[string]string{"type": "user_input", "id": id, "text": waiting[0]})
			}
		}
	}
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func main() {
	waiting, run := os.Args[4:], fmt.Sprintf("ask-%d", time.Now().UnixNano())
	for len(waiting) > 0 {
		waiting = connect(os.Args[1], os.Args[2], os.Args[3], run, waiting)
		if len(waiting) > 0 {
			time.Sleep(time.Duration(rand.Float64() * math.Min(30, 0.5*math.Pow(2, failures)) * float64(time.Second)))
			failures++
		}
	}
}
