// Asks questions in one session: go run ask.go ws://HOST:PORT TOKEN SESSION QUESTION... Needs github.com/gorilla/websocket.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"math"
	"math/rand"
	"net/http"
	"os"
	"time"

	"github.com/gorilla/websocket"
)

var (
	server, token, session, questions = os.Args[1], os.Args[2], os.Args[3], os.Args[4:]
	run, position, failures           = time.Now().UnixNano(), "", 0.0
	comeBack                          = map[int]bool{429: true, 502: true, 503: true, 504: true}
	ends                              = map[string]bool{"turn_complete": true, "interrupted": true, "error": true, "refused": true}
)

func connect() { // one socket, from its start to its end
	headers := http.Header{"Authorization": {"Bearer " + token}, "Sec-WebSocket-Protocol": {"holdfast.v1.json"}}
	socket, answer, err := websocket.DefaultDialer.Dial(server+"/ws/"+session+position, headers)
	if err != nil && answer != nil && !comeBack[answer.StatusCode] {
		log.Fatal("refused: ", answer.Status)
	} else if err != nil {
		return
	}
	defer socket.Close()
	frames, epoch := json.NewDecoder(websocket.JoinMessages(socket, "\n")), ""
	for len(questions) > 0 {
		var frame struct {
			Type, Epoch, At string
			Seq             int
			Retryable       bool
			Answer          string `json:"final_response"`
		}
		socket.SetReadDeadline(time.Now().Add(40 * time.Second)) // the server sends something every 20 s
		if err := frames.Decode(&frame); websocket.IsCloseError(err, 1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429) {
			log.Fatal(err)
		} else if err != nil || frame.Type == "refused" && frame.Retryable { // such as `going_away`: come back and ask again
			return
		}
		if frame.Type == "ready" {
			epoch = frame.Epoch
		}
		if ends[frame.Type] {
			if frame.Answer == "" {
				frame.Answer = "(" + frame.Type + ")"
			}
			fmt.Println(frame.Answer)
			questions = questions[1:]
		}
		if frame.Type == "synced" || frame.At != "" {
			position, failures = fmt.Sprintf("?after=%d&epoch=%s", frame.Seq, epoch), 0
		}
		if len(questions) > 0 && (frame.Type == "synced" || ends[frame.Type]) { // after a cut again: its id makes sure it is done once
			socket.WriteJSON(map[string]string{"type": "user_input", "id": fmt.Sprint(run, len(questions)), "text": questions[0]})
		}
	}
}

func main() {
	for ; len(questions) > 0; failures++ {
		connect()
		time.Sleep(time.Duration(rand.Float64() * math.Min(30, 0.5*math.Pow(2, failures)) * float64(time.Second)))
	}
}
