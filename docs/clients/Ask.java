// Asks questions in one session: java -cp okhttp.jar:okio.jar:gson.jar Ask.java ws://HOST:PORT TOKEN SESSION QUESTION...
// Needs Java 17, OkHttp 3.13 and Gson 2.10, or newer ones.

import static java.util.concurrent.ForkJoinPool.commonPool;
import static java.util.concurrent.TimeUnit.SECONDS;

import com.google.gson.Gson;
import java.util.*;
import java.util.concurrent.*;
import okhttp3.*;

class Ask extends WebSocketListener {
  static class Frame { String type, epoch, at, final_response; int seq, wait; boolean retryable; }

  final BlockingQueue<Frame> frames = new LinkedBlockingQueue<>();

  public void onMessage(WebSocket socket, String message) {
    for (String line : message.split("\n")) frames.add(new Gson().fromJson(line, Frame.class));
  }

  public void onClosing(WebSocket socket, int code, String reason) { // the last frame, as if refused
    onMessage(socket, "{seq: %d, wait: %s, retryable: true}".formatted(code, reason.matches("\\d{1,6}") ? reason : 0));
  }

  public void onFailure(WebSocket socket, Throwable error, Response reply) { // no reply: no server, or a cut
    onClosing(socket, reply == null ? 1006 : reply.code(), reply == null ? "" : reply.header("Retry-After", ""));
  }

  public static void main(String[] given) throws InterruptedException {
    var headers = Headers.of("Authorization", "Bearer " + given[1], "Sec-WebSocket-Protocol", "holdfast.v1.json");
    // A ping without its pong ends a dead socket. The threads of this pool end with the program.
    var http = new OkHttpClient.Builder().pingInterval(20, SECONDS).dispatcher(new Dispatcher(commonPool())).build();
    String server = given[0] + "/ws/" + given[2], run = UUID.randomUUID().toString(), position = "";
    for (int next = 3, bound = 500; ; bound = Math.min(30_000, 2 * bound)) {
      var ask = new Ask();
      var socket = http.newWebSocket(new Request.Builder().url(server + position).headers(headers).build(), ask);
      Frame ready = ask.frames.take(), frame = ready;
      for (; frame.at != null || !frame.retryable; frame = ask.frames.take()) { // until a `refused`
        boolean synced = frame.type.equals("synced");
        boolean end = frame.type.matches("turn_complete|interrupted|error|refused");
        if (end) System.out.println(frame.final_response == null ? "(" + frame.type + ")" : frame.final_response);
        if (end && ++next == given.length) System.exit(0);
        if (synced || frame.at != null) position = "?after=" + frame.seq + "&epoch=" + ready.epoch;
        if (synced) bound = 500;
        if (synced || end) // after a cut again: its id makes sure it is done once
          socket.send(new Gson().toJson(Map.of("type", "user_input", "id", run + next, "text", given[next])));
      }
      socket.cancel();
      if (Set.of(400, 401, 403, 404, 426, 1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429).contains(frame.seq))
        throw new IllegalStateException("ended: " + frame.seq);
      Thread.sleep(1000 * frame.wait + (long) (Math.random() * bound));
    }
  }
}
