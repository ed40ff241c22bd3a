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

var server, token, session, questions = os.Args[1], os.Args[2], os.Args[3], os.Args[4:]
var run, position, epoch, failures = time.Now().UnixNano(), "", any(nil), 0.0
var ends = map[any]string{"turn_complete": "", "interrupted": "(interrupted)", "error": "(error)", "refused": "(refused)"}

func main() {
	headers := http.Header{"Authorization": {"Bearer " + token}, "Sec-WebSocket-Protocol": {"holdfast.v1.json"}}
	for ; len(questions) > 0; failures++ {
		socket, answer, err := websocket.DefaultDialer.Dial(server+"/ws/"+session+position, headers)
		if answer == nil {
			answer = &http.Response{} // no server
		}
		for frames := json.NewDecoder(websocket.JoinMessages(socket, "\n")); err == nil && len(questions) > 0; {
			frame := map[string]any{"epoch": epoch, "final_response": ""}
			socket.SetReadDeadline(time.Now().Add(40 * time.Second)) // the server sends something every 20 s
			if err = frames.Decode(&frame); err != nil || frame["type"] == "refused" && frame["retryable"] == true {
				break // the latter such as `going_away`: come back and ask again
			}
			epoch = frame["epoch"]
			shown, end := ends[frame["type"]]
			if end {
				fmt.Printf("%v%v\n", frame["final_response"], shown)
				questions = questions[1:]
			}
			if frame["type"] == "synced" || frame["at"] != nil {
				position, failures = fmt.Sprintf("?after=%.0f&epoch=%v", frame["seq"], epoch), 0
			}
			if len(questions) > 0 && (frame["type"] == "synced" || end) { // after a cut again: its id makes sure it is done once
				err = socket.WriteJSON(map[string]string{"type": "user_input", "id": fmt.Sprint(run, len(questions)), "text": questions[0]})
			}
		}
		if socket != nil {
			socket.Close()
		}
		if websocket.IsCloseError(err, 1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429) || answer.StatusCode >= 400 && answer.StatusCode < 429 {
			log.Fatal(err, answer.Status)
		}
		wait, _ := time.ParseDuration(answer.Header.Get("Retry-After") + "s")
		time.Sleep(wait + time.Duration(rand.Float64()*math.Min(30, 0.5*math.Pow(2, failures))*float64(time.Second)))
	}
}
