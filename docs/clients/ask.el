;;; ask.el --- Asks questions in one session: emacs --script ask.el ws://HOST:PORT TOKEN SESSION QUESTION...  -*- lexical-binding: t -*-
;; Needs websocket.el 1.13 or newer (GNU ELPA, elpa-websocket). It gives no close codes: ask GET /api/sessions/SESSION why.
;; It takes minutes for a message of 2 MB, so the server is asked for small ones (max_message).
(package-initialize)
(require 'json)
(require 'websocket)

(defvar ask-position "")
(defvar ask-answer "")
(defvar ask-failures 0)
(defvar ask-heard 0.0)
(defvar ask-over nil)
(defvar ask-epoch "")
(defvar ask-live nil)
(defvar ask-waiting nil)
(defconst ask-ends '("turn_complete" "interrupted" "error" "refused"))

(defun ask-take (socket line)
  "Take the frame in LINE, which came on SOCKET."
  (let* ((frame (json-parse-string line)) (type (gethash "type" frame)) (seq (gethash "seq" frame)))
    (cond ((equal type "ready") (setq ask-epoch (gethash "epoch" frame)))
          ((and (equal type "refused") (eq (gethash "retryable" frame) t)) (setq ask-over t)) ; come back and ask again
          ((and (equal type "assistant_chunk") (equal (gethash "kind" frame) "text"))
           (setq ask-answer (concat (substring ask-answer 0 (gethash "offset" frame)) (gethash "text" frame))))
          ((member type ask-ends)
           (princ (format "%s\n" (gethash "final_response" frame (format "%s (%s)" ask-answer type))))
           (pop ask-waiting)))
    (when (equal type "synced") (setq ask-live t))
    (when (and ask-live seq)
      (setq ask-failures 0 ask-position (format "&after=%d&epoch=%s" seq ask-epoch)))
    (cond ((null ask-waiting) (setq ask-over t))
          ((and (not ask-over) (member type (cons "synced" ask-ends))) ; again after a cut: its id makes sure it is done once
           (websocket-send-text socket (json-serialize `(:type "user_input" :id ,(caar ask-waiting) :text ,(cdar ask-waiting))))))))

(defun ask-connect (server token session)
  "One socket, from its start to its end."
  (setq ask-over nil ask-live nil ask-heard (float-time))
  (let ((socket (websocket-open
                 (format "%s/ws/%s?max_message=32768%s" server session ask-position)
                 :protocols '("holdfast.v1.json")
                 :custom-header-alist `((Authorization . ,(concat "Bearer " token)))
                 :on-error (lambda (_socket _kind _error) (setq ask-over t))
                 :on-close (lambda (_socket) (setq ask-over t))
                 :on-message (lambda (socket message)
                               (setq ask-heard (float-time))
                               (dolist (line (split-string (websocket-frame-text message) "\n"))
                                 (unless ask-over (ask-take socket line)))))))
    (while (and (not ask-over) (< (- (float-time) ask-heard) 40)) ; the server sends something at least every 15 s
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
