// Asks questions in one session: java Ask.java ws://HOST:PORT TOKEN SESSION QUESTION... Needs Java 17 or newer, and nothing else.

import java.net.URI;
import java.net.http.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.regex.*;

record Ask(BlockingQueue<String> messages, StringBuilder parts) implements WebSocket.Listener {
    public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
        parts.append(part);
        if (!last) socket.request(1);
        else if (messages.add(parts.toString())) parts.setLength(0);
        return null;
    }

    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) { messages.add("" + code); return null; }

    public void onError(WebSocket socket, Throwable error) { messages.add("1006"); }

    // A field of a frame; texts as JSON has them, for the JDK reads no JSON. Empty if there is none.
    static String get(String field, String frame) {
        Matcher found = Pattern.compile("\"" + field + "\":(?:\"((?:[^\"\\\\]|\\\\.)*+)\"|(\\w+))").matcher(frame);
        return !found.find() ? "" : found.group(1) != null ? found.group(1) : found.group(2);
    }

    public static void main(String[] given) throws InterruptedException {
        Set<Integer> stayAway = Set.of(400, 401, 403, 404, 426, 1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429);
        Set<String> ends = Set.of("turn_complete", "interrupted", "error", "refused");
        Deque<String> questions = new ArrayDeque<>(List.of(given).subList(3, given.length));
        String position = "", epoch = "", run = UUID.randomUUID().toString();
        HttpClient http = HttpClient.newHttpClient();
        for (int failures = 0, code = 0; !questions.isEmpty(); failures++) {
            Ask ask = new Ask(new LinkedBlockingQueue<>(), new StringBuilder());
            try {
                WebSocket socket = http.newWebSocketBuilder().subprotocols("holdfast.v1.json").header("Authorization", "Bearer " + given[1])
                    .buildAsync(URI.create(given[0] + "/ws/" + given[2] + position), ask).get(30, TimeUnit.SECONDS);
                frames: for (String message; (message = ask.messages.poll(40, TimeUnit.SECONDS)) != null; socket.request(1)) { // it sends every 20 s
                    if (!message.startsWith("{")) { code = Integer.parseInt(message); break; }
                    for (String frame : message.split("\n")) {
                        String type = get("type", frame), answer = get("final_response", frame);
                        if (type.equals("ready")) epoch = get("epoch", frame);
                        if (type.equals("refused") && get("retryable", frame).equals("true")) break frames; // such as `going_away`: come back, ask again
                        boolean end = ends.contains(type), synced = type.equals("synced");
                        if (end) System.out.println(answer.isEmpty() ? "(" + type + ")" : answer);
                        if (end) questions.pop();
                        if (synced || !get("at", frame).isEmpty()) position = "?after=" + get("seq", frame) + "&epoch=" + epoch;
                        if (synced) failures = 0;
                        if (questions.isEmpty()) break frames;
                        if (synced || end) // after a cut again: its id makes sure it is done once
                            socket.sendText("{\"type\":\"user_input\",\"id\":\"" + run + questions.size() + "\",\"text\":\""
                                + questions.peek().replace("\\", "\\\\").replace("\"", "\\\"") + "\"}", true).get();
                    }
                }
                socket.abort();
            } catch (ExecutionException | TimeoutException failed) {
                if (failed.getCause() instanceof WebSocketHandshakeException refused) code = refused.getResponse().statusCode();
            }
            if (stayAway.contains(code)) throw new IllegalStateException("ended: " + code);
            Thread.sleep((long) (Math.random() * Math.min(30_000, 500 << Math.min(6, failures))));
        }
    }
}
