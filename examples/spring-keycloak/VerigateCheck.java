import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Asks Verigate over HTTP (`ANY /check/{policy}`) whether a person may pass. Only a 200 is access; whatever goes wrong is none. Needs nothing
 * but the JDK (17 or later).
 */
public final class VerigateCheck {
    /** Verigate answers within a second, degraded if need be. */
    private static final Duration TIMEOUT = Duration.ofMillis(1200);

    private final HttpClient http = HttpClient.newBuilder()
            .connectTimeout(Duration.ofMillis(500))
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();
    private final URI service;
    private final String token;

    /** `service` is the address of the HTTP listener; `token` that of this caller, or empty where none is configured. */
    public VerigateCheck(URI service, String token) {
        this.service = service;
        this.token = token;
    }

    /**
     * One answer. `challenge` is a WWW-Authenticate for the client, and `stepUpUrl` where a browser can be sent; both only where the status is 401.
     * The decision id is empty where there is no decision.
     */
    public record Answer(boolean allowed, int status, Optional<String> challenge, Optional<String> stepUpUrl, String decisionId) {
        private static final Answer NONE = new Answer(false, 503, Optional.empty(), Optional.empty(), "");
    }

    /** Asks about a person. `sessionToken` is the ID or access token of the session, which Verigate verifies itself; or empty. */
    public Answer check(String policy, String verificationId, String identityId, String sessionToken) {
        if (!policy.matches("[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")) {
            return Answer.NONE;
        }
        CompletableFuture<HttpResponse<Void>> asked = null;
        try {
            HttpRequest.Builder request = HttpRequest.newBuilder(service.resolve("/check/" + policy)).timeout(TIMEOUT);
            header(request, "X-Verigate-Token", token);
            header(request, "X-Verification-Id", verificationId);
            header(request, "X-Identity-Id", identityId);
            header(request, "Authorization", sessionToken.isEmpty() ? "" : "Bearer " + sessionToken);
            asked = http.sendAsync(request.build(), HttpResponse.BodyHandlers.discarding());
            // The timeout of the request does not cover everything.
            return answer(asked.get(TIMEOUT.toMillis(), TimeUnit.MILLISECONDS));
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            asked.cancel(true);
            return Answer.NONE;
        } catch (TimeoutException late) {
            asked.cancel(true);
            return Answer.NONE;
        } catch (ExecutionException | IllegalArgumentException failed) {
            // No connection, or a value that no header can carry.
            return Answer.NONE;
        }
    }

    private static void header(HttpRequest.Builder request, String name, String value) {
        if (!value.isEmpty()) {
            request.header(name, value);
        }
    }

    private static Answer answer(HttpResponse<Void> response) {
        int status = response.statusCode();
        var headers = response.headers();
        return new Answer(
                status == 200 && headers.firstValue("X-Verigate-Decision").equals(Optional.of("ALLOW")),
                status,
                headers.firstValue("WWW-Authenticate"),
                headers.firstValue("X-Verigate-Step-Up-Url"),
                headers.firstValue("X-Verigate-Decision-Id").orElse(""));
    }

    /** Prints the answer: `java VerigateCheck.java http://127.0.0.1:8080 front-door ada-fresh id-ada`. */
    public static void main(String[] given) throws IOException {
        VerigateCheck check = new VerigateCheck(URI.create(given[0]), System.getenv().getOrDefault("VERIGATE_TOKEN", ""));
        System.out.println(check.check(given[1], given[2], given.length > 3 ? given[3] : "", ""));
        System.exit(0);
    }
}
