// Asks questions in one session: java Ask.java ws://HOST:PORT TOKEN SESSION QUESTION... Needs Java 17 or newer, and nothing else.

import java.net.URI;
import java.net.http.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.regex.*;

class Ask implements WebSocket.Listener {
    static final Set<Integer> STAY_AWAY = Set.of(1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429), RETRY = Set.of(429, 502, 503, 504);
    static final Set<String> ENDS = Set.of("turn_complete", "interrupted", "error", "refused");
    // The JDK reads no JSON: the fields that count stand at the beginning of a frame, and texts are printed as JSON has them.
    static final Pattern HEAD = Pattern.compile("\\{\"type\":\"(\\w+)\"(?:,\"seq\":(\\d+))?(,\"(?:first_seq\":\\d+,\")?at\":)?");
    static final Pattern EPOCH = Pattern.compile("\"epoch\":\"(\\w+)\""), ANSWER = Pattern.compile("\"final_response\":\"((?:[^\"\\\\]|\\\\.)*+)\"");
    static final Deque<String> waiting = new ArrayDeque<>();
    static String position = "", run = UUID.randomUUID().toString();
    static int failures = 0;

    final StringBuilder message = new StringBuilder();
    final CompletableFuture<Integer> ended = new CompletableFuture<>();
    volatile long heard = System.nanoTime();
    String epoch = "";
    boolean live = false;

    public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
        heard = System.nanoTime();
        message.append(part);
        if (last) {
            for (String frame : message.toString().split("\n")) take(socket, frame);
            message.setLength(0);
        }
        socket.request(1);
        return null;
    }

    void take(WebSocket socket, String frame) {
        Matcher head = HEAD.matcher(frame), found = EPOCH.matcher(frame);
        if (ended.isDone() || !head.lookingAt()) return;
        String type = head.group(1);
        if (type.equals("ready") && found.find()) epoch = found.group(1);
        if (type.equals("refused") && frame.contains("\"retryable\":true")) { ended.complete(0); return; } // come back and ask again
        if (ENDS.contains(type)) {
            Matcher answer = ANSWER.matcher(frame);
            System.out.println(answer.find() ? answer.group(1) : "(" + type + ")");
            waiting.remove();
        }
        live |= type.equals("synced");
        if (live && head.group(2) != null) { position = "?after=" + head.group(2) + "&epoch=" + epoch; failures = 0; }
        if (waiting.isEmpty()) ended.complete(1000);
        else if (type.equals("synced") || ENDS.contains(type)) // again after a cut: its id makes sure it is done once
            socket.sendText("{\"type\":\"user_input\",\"id\":\"" + run + waiting.size() + "\",\"text\":\"" + waiting.peek() + "\"}", true);
    }

    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) { ended.complete(code); return null; }

    public void onError(WebSocket socket, Throwable error) { ended.complete(0); }

    public static void main(String[] given) throws Exception {
        for (String question : Arrays.copyOfRange(given, 3, given.length)) waiting.add(question.replace("\\", "\\\\").replace("\"", "\\\""));
        HttpClient http = HttpClient.newHttpClient();
        while (true) {
            Ask ask = new Ask();
            int code = 0;
            try {
                URI address = URI.create(given[0] + "/ws/" + given[2] + position);
                WebSocket socket = http.newWebSocketBuilder().subprotocols("holdfast.v1.json").header("Authorization", "Bearer " + given[1])
                    .buildAsync(address, ask).get(30, TimeUnit.SECONDS);
                while (!ask.ended.isDone() && System.nanoTime() - ask.heard < 40e9) // the server sends something at least every 15 s
                    try { code = ask.ended.get(1, TimeUnit.SECONDS); } catch (TimeoutException still) { }
                socket.abort();
            } catch (ExecutionException | TimeoutException failed) {
                if (failed.getCause() instanceof WebSocketHandshakeException refused && !RETRY.contains(refused.getResponse().statusCode())) code = 1008;
            }
            if (waiting.isEmpty()) System.exit(0);
            if (STAY_AWAY.contains(code)) { System.err.println("ended: " + code); System.exit(1); }
            Thread.sleep((long) (Math.random() * Math.min(30_000, 500 * Math.pow(2, failures++))));
        }
    }
}
