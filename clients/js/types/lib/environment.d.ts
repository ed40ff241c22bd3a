export type Environment = {
    WebSocket: typeof WebSocket;
    fetch: typeof fetch;
    /**
     * monotonic, in milliseconds
     */
    now: () => number;
    setTimeout: (run: () => void, ms: number) => any;
    clearTimeout: (timer: any) => void;
    /**
     * where `online`, `offline`, `pageshow` and `visibilitychange` are heard
     */
    events: EventTarget;
    /**
     * the origin keys that go with this browser's cookies for the server at an address
     */
    keys: (server: string) => string[];
    condition: () => {
        online: boolean;
        visible: boolean;
    };
};
/** The one of this page: sessions share it, so that what it listens to does not grow with them. @returns {Environment} */
export declare function browserEnvironment(): Environment;
