;;; ask.el --- Asks questions in one session: emacs --script ask.el ws://HOST:PORT TOKEN SESSION QUESTION...  -*- lexical-binding: t -*-
;; Needs websocket.el 1.13 or newer (GNU ELPA, elpa-websocket). It gives no close codes, and takes minutes for a message of 2 MB: max_message.
(package-initialize)
(require 'websocket)
(defvar ask-position "")
(defvar ask-epoch nil)
(defvar ask-failures 0)
(defvar ask-over nil "Whether the socket has ended.")
(defvar ask-waiting nil "Questions without an answer, with their ids.")

(defun ask-take (socket line)
  (let-alist (json-parse-string line :object-type 'alist :false-object nil)
    (let ((synced (equal .type "synced")) (end (member .type '("turn_complete" "interrupted" "error" "refused"))))
      (when (equal .type "ready") (setq ask-epoch .epoch))
      (when (or synced .at) (setq ask-failures 0 ask-position (format "&after=%d&epoch=%s" .seq ask-epoch)))
      (if (and (equal .type "refused") .retryable) (setq ask-over t) ; such as `going_away': come back and ask again
        (when end
          (princ (format "%s\n" (or .final_response (format "(%s)" .type))))
          (pop ask-waiting))
        (when (and ask-waiting (or synced end)) ; after a cut again: its id makes sure it is done once
          (websocket-send-text socket (json-serialize `(:type "user_input" :id ,(caar ask-waiting) :text ,(cdar ask-waiting)))))))))

(pcase-let ((`(,server ,token ,session . ,questions) command-line-args-left))
  (setq command-line-args-left nil ask-waiting (mapcar (lambda (text) (cons (format "%s-%s" (float-time) (random t)) text)) questions))
  (while ask-waiting
    (ignore-errors
      (let* ((ask-over nil)
             (socket (websocket-open (format "%s/ws/%s?max_message=32768%s" server session ask-position) :protocols '("holdfast.v1.json")
                      :custom-header-alist `((Authorization . ,(concat "Bearer " token)))
                      :on-close (lambda (_) (setq ask-over t))
                      :on-error (lambda (_ _ why) (setq ask-over t) (when (memq (cadr why) '(400 401 403 404 426)) (message "%s" why) (kill-emacs 1)))
                      :on-message (lambda (socket message)
                                    (dolist (line (split-string (websocket-frame-text message) "\n")) (unless ask-over (ask-take socket line)))))))
        (while (and ask-waiting (not ask-over) (accept-process-output (websocket-conn socket) 40))) ; the server sends something every 20 s
        (delete-process (websocket-conn socket))))
    (sleep-for (/ (random (* 500 (min 60 (ash 1 (min 6 (cl-incf ask-failures)))))) 1000.0))))
