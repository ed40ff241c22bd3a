;;; ask.el --- Asks questions in one session: emacs --script ask.el ws://HOST:PORT TOKEN SESSION QUESTION...  -*- lexical-binding: t -*-
;; Needs websocket.el 1.13 or newer (GNU ELPA, elpa-websocket). It gives no close codes: ask GET /api/sessions/SESSION why.
;; It takes minutes for a message of 2 MB, so the server is asked for small ones (max_message).
(package-initialize)
(require 'websocket)

(defvar ask-position "")
(defvar ask-epoch "")
(defvar ask-failures 0)
(defvar ask-over nil)
(defvar ask-waiting nil)

(defun ask-take (socket line)
  "Take the frame in LINE, which came on SOCKET."
  (let* ((frame (json-parse-string line)) (type (gethash "type" frame)) (synced (equal type "synced"))
         (end (member type '("turn_complete" "interrupted" "error" "refused"))))
    (when (equal type "ready") (setq ask-epoch (gethash "epoch" frame)))
    (if (and (equal type "refused") (eq (gethash "retryable" frame) t))
        (setq ask-over t) ; such as `going_away': come back and ask again
      (when end
        (princ (format "%s\n" (gethash "final_response" frame (format "(%s)" type))))
        (pop ask-waiting))
      (when (or synced (gethash "at" frame))
        (setq ask-failures 0 ask-position (format "&after=%d&epoch=%s" (gethash "seq" frame) ask-epoch)))
      (if (null ask-waiting) (setq ask-over t)
        (when (or synced end) ; again after a cut: its id makes sure it is done once
          (websocket-send-text socket (json-serialize `(:type "user_input" :id ,(caar ask-waiting) :text ,(cdar ask-waiting)))))))))

(defun ask-connect (server token session)
  "One socket, from its start to its end."
  (let* ((received (float-time)) (end (lambda (&rest _) (setq ask-over t)))
         (socket (progn (setq ask-over nil) (websocket-open
                 (format "%s/ws/%s?max_message=32768%s" server session ask-position)
                 :protocols '("holdfast.v1.json") :custom-header-alist `((Authorization . ,(concat "Bearer " token)))
                 :on-error end :on-close end
                 :on-message (lambda (socket message)
                               (setq received (float-time))
                               (dolist (line (split-string (websocket-frame-text message) "\n"))
                                 (unless ask-over (ask-take socket line))))))))
    (while (and (not ask-over) (< (- (float-time) received) 40)) ; the server sends something at least every 20 s
      (accept-process-output nil 1))
    (ignore-errors (delete-process (websocket-conn socket)))))

(pcase-let ((`(,server ,token ,session . ,questions) command-line-args-left))
  (setq command-line-args-left nil
        ask-waiting (mapcar (lambda (text) (cons (format "ask-%s-%s" (float-time) (random)) text)) questions))
  (while ask-waiting
    (ignore-errors (ask-connect server token session))
    (when ask-waiting
      (sleep-for (/ (random (* 1000 (min 30 (ash 1 (min 5 ask-failures))))) 1000.0))
      (setq ask-failures (1+ ask-failures)))))
