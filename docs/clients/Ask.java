// Asks questions in one session: java -cp gson.jar Ask.java ws://HOST:PORT TOKEN SESSION QUESTION... Needs Java 17 and Gson 2.10, or newer ones.

import com.google.gson.Gson;
import java.net.URI;
import java.net.http.*;
import java.util.*;
import java.util.concurrent.*;

record Ask(BlockingQueue<String> received) implements WebSocket.Listener {
    record Frame(String type, String epoch, String at, int seq, boolean retryable, String final_response) {}

    public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
        received.add(part + (last ? "\n" : ""));
        return WebSocket.Listener.super.onText(socket, part, last);
    }

    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
        received.add("{\"type\": \"closed\", \"retryable\": true, \"seq\": " + code + "}\n");
        return null;
    }

    public void onError(WebSocket socket, Throwable error) {
        onClose(socket, 1006, "");
    }

    public static void main(String[] given) throws InterruptedException {
        var questions = new ArrayDeque<String>(List.of(given).subList(3, given.length));
        String run = UUID.randomUUID().toString(), position = "", epoch = "";
        for (int failures = 0, code = 0; !questions.isEmpty(); failures++) {
            var ask = new Ask(new LinkedBlockingQueue<>());
            var opening = HttpClient.newHttpClient().newWebSocketBuilder().subprotocols("holdfast.v1.json").header("Authorization", "Bearer " + given[1])
                .buildAsync(URI.create(given[0] + "/ws/" + given[2] + "?max_message=65536" + position), ask);
            try {
                WebSocket socket = opening.get(30, TimeUnit.SECONDS);
                for (String text = ""; !questions.isEmpty(); text = "") {
                    while (!text.endsWith("\n")) text += Optional.ofNullable(ask.received.poll(40, TimeUnit.SECONDS)).orElseThrow(TimeoutException::new); // it sends every 20 s
                    for (String line : text.split("\n")) {
                        Frame frame = new Gson().fromJson(line, Frame.class);
                        boolean synced = frame.type.equals("synced"), end = frame.type.matches("turn_complete|interrupted|error|refused");
                        if (frame.type.equals("ready")) epoch = frame.epoch;
                        if (frame.type.equals("closed")) code = frame.seq;
                        if (frame.type.matches("closed|refused") && frame.retryable) throw new TimeoutException(); // such as `going_away`: come back, ask again
                        if (end) System.out.println(frame.final_response == null ? "(" + frame.type + ")" : frame.final_response);
                        if (end) questions.pop();
                        if (synced || frame.at != null) position = "&after=" + frame.seq + "&epoch=" + epoch;
                        if (synced) failures = 0;
                        if ((synced || end) && !questions.isEmpty()) // after a cut again: its id makes sure it is done once
                            socket.sendText(new Gson().toJson(Map.of("type", "user_input", "id", run + questions.size(), "text", questions.peek())), true).get();
                    }
                }
            } catch (ExecutionException | TimeoutException failed) { // no server, a refusal, a cut, or silence
                if (failed.getCause() instanceof WebSocketHandshakeException refused) {
                    code = refused.getResponse().statusCode();
                    Thread.sleep(1000 * refused.getResponse().headers().firstValue("Retry-After").filter(told -> told.matches("\\d{1,9}")).map(Long::valueOf).orElse(0L)); // a proxy's may be a date
                }
            }
            opening.thenAccept(WebSocket::abort);
            if (Set.of(400, 401, 403, 404, 426, 1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429).contains(code)) throw new IllegalStateException("ended: " + code);
            Thread.sleep((long) (Math.random() * Math.min(30_000, 500 << Math.min(6, failures))));
        }
    }
}
