// The vendored list of named characters.

export const characterEntities: Record<string, string>;
