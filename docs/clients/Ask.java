// Asks questions in one session: java Ask.java ws://HOST:PORT TOKEN SESSION QUESTION... Needs Java 17 or newer, and nothing else.

import java.net.URI;
import java.net.http.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.regex.*;

class Ask implements WebSocket.Listener {
    static final Set<Integer> STAY_AWAY = Set.of(1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429), COME_BACK = Set.of(429, 502, 503, 504);
    // The JDK reads no JSON: the fields that count stand at the beginning of a frame, and texts are printed as JSON has them.
    static final Pattern HEAD = Pattern.compile("\\{\"type\":\"(\\w+)\"(?:,\"seq\":(\\d+))?(,\"(?:first_seq\":\\d+,\")?at\":)?");
    static final Pattern EPOCH = Pattern.compile("\"epoch\":\"(\\w+)\""), ANSWER = Pattern.compile("\"final_response\":\"((?:[^\"\\\\]|\\\\.)*+)\"");
    static final Deque<String> waiting = new ArrayDeque<>();
    static String position = "", epoch = "", run = UUID.randomUUID().toString();
    static int failures = 0;
    final StringBuilder message = new StringBuilder();
    final CompletableFuture<Integer> ended = new CompletableFuture<>();
    volatile long received = System.nanoTime();

    public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
        received = System.nanoTime();
        message.append(part);
        if (last) {
            for (String frame : message.toString().split("\n")) take(socket, frame);
            message.setLength(0);
        }
        socket.request(1);
        return null;
    }

    void take(WebSocket socket, String frame) {
        Matcher head = HEAD.matcher(frame), found = EPOCH.matcher(frame), answer = ANSWER.matcher(frame);
        if (ended.isDone() || !head.lookingAt()) return;
        String type = head.group(1);
        boolean synced = type.equals("synced"), end = Set.of("turn_complete", "interrupted", "error", "refused").contains(type);
        if (type.equals("ready") && found.find()) epoch = found.group(1);
        if (type.equals("refused") && frame.contains("\"retryable\":true")) { ended.complete(0); return; } // come back and ask again
        if (end) System.out.println(answer.find() ? answer.group(1) : "(" + type + ")");
        if (end) waiting.remove();
        if (synced || head.group(3) != null) { position = "?after=" + head.group(2) + "&epoch=" + epoch; failures = 0; }
        if (waiting.isEmpty()) ended.complete(0);
        else if (synced || end) // again after a cut: its id makes sure it is done once
            socket.sendText("{\"type\":\"user_input\",\"id\":\"" + run + waiting.size() + "\",\"text\":\"" + waiting.peek() + "\"}", true);
    }

    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) { ended.complete(code); return null; }

    public void onError(WebSocket socket, Throwable error) { ended.complete(0); }

    public static void main(String[] given) throws Exception {
        for (String question : Arrays.copyOfRange(given, 3, given.length)) waiting.add(question.replace("\\", "\\\\").replace("\"", "\\\""));
        for (HttpClient http = HttpClient.newHttpClient(); !waiting.isEmpty(); Thread.sleep((long) (Math.random() * Math.min(30_000, 500 << Math.min(6, failures++))))) {
            Ask ask = new Ask();
            int code = 0;
            try {
                WebSocket socket = http.newWebSocketBuilder().subprotocols("holdfast.v1.json").header("Authorization", "Bearer " + given[1])
                    .buildAsync(URI.create(given[0] + "/ws/" + given[2] + position), ask).get(30, TimeUnit.SECONDS);
                while (!ask.ended.isDone() && System.nanoTime() - ask.received < 40e9) // the server sends something at least every 20 s
                    try { code = ask.ended.get(1, TimeUnit.SECONDS); } catch (TimeoutException still) { }
                socket.abort();
            } catch (ExecutionException | TimeoutException failed) {
                if (failed.getCause() instanceof WebSocketHandshakeException refused && !COME_BACK.contains(refused.getResponse().statusCode())) code = 1008;
            }
            if (STAY_AWAY.contains(code)) throw new IllegalStateException("ended: " + code);
        }
        System.exit(0);
    }
}
