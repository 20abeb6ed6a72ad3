/** The colours that VS Code's default themes give to the variables the panel uses: enough to draw it outside of VS Code. */

export interface Theme {
  readonly name: string;
  readonly bodyClass: string;
  readonly variables: Readonly<Record<string, string>>;
}

const font = { 'font-family': "'DejaVu Sans', sans-serif", 'font-size': '13px' };

const dark = {
  'editor-background': '#1f1f1f',
  foreground: '#cccccc',
  descriptionForeground: '#9d9d9d',
  'charts-blue': '#59a4f9',
  'charts-orange': '#d18616',
  'textLink-foreground': '#4daafc',
  'panel-border': '#2b2b2b',
  'widget-border': '#313131',
  'editorWidget-background': '#202020',
  'button-background': '#0078d4',
  'button-foreground': '#ffffff',
  'button-hoverBackground': '#026ec1',
  'button-secondaryBackground': '#313131',
  'button-secondaryForeground': '#cccccc',
  'button-secondaryHoverBackground': '#3c3c3c',
  focusBorder: '#0078d4',
  'list-hoverBackground': '#2a2d2e',
  'editor-findMatchHighlightBackground': '#ea5c0055',
  'editorHoverWidget-background': '#202020',
  'editorHoverWidget-foreground': '#cccccc',
  'editorHoverWidget-border': '#454545',
  'widget-shadow': 'rgba(0, 0, 0, 0.36)',
  'inputValidation-errorBackground': '#5a1d1d',
  'inputValidation-errorBorder': '#be1100',
  errorForeground: '#f85149',
};

const light = {
  'editor-background': '#ffffff',
  foreground: '#3b3b3b',
  descriptionForeground: '#3b3b3b',
  'charts-blue': '#0063d3',
  'charts-orange': '#d18616',
  'textLink-foreground': '#005fb8',
  'panel-border': '#e5e5e5',
  'widget-border': '#e5e5e5',
  'editorWidget-background': '#f8f8f8',
  'button-background': '#005fb8',
  'button-foreground': '#ffffff',
  'button-hoverBackground': '#0258a8',
  'button-secondaryBackground': '#e5e5e5',
  'button-secondaryForeground': '#3b3b3b',
  'button-secondaryHoverBackground': '#cccccc',
  focusBorder: '#005fb8',
  'list-hoverBackground': '#f2f2f2',
  'editor-findMatchHighlightBackground': '#ea5c0055',
  'editorHoverWidget-background': '#f8f8f8',
  'editorHoverWidget-foreground': '#3b3b3b',
  'editorHoverWidget-border': '#c8c8c8',
  'widget-shadow': 'rgba(0, 0, 0, 0.16)',
  'inputValidation-errorBackground': '#f2dede',
  'inputValidation-errorBorder': '#be1100',
  errorForeground: '#f85149',
};

const highContrast = {
  'editor-background': '#000000',
  foreground: '#ffffff',
  descriptionForeground: 'rgba(255, 255, 255, 0.7)',
  'charts-blue': '#59a4f9',
  'charts-orange': '#ab5a00',
  'textLink-foreground': '#21a6ff',
  contrastBorder: '#6fc3df',
  contrastActiveBorder: '#f38518',
  'editorWidget-background': '#0c141f',
  'button-border': '#6fc3df',
  'button-foreground': '#ffffff',
  focusBorder: '#f38518',
  'editorHoverWidget-background': '#0c141f',
  'editorHoverWidget-foreground': '#ffffff',
  'editorHoverWidget-border': '#6fc3df',
  'inputValidation-errorBackground': '#000000',
  'inputValidation-errorBorder': '#6fc3df',
};

const highContrastLight = {
  ...highContrast,
  'editor-background': '#ffffff',
  foreground: '#292929',
  descriptionForeground: 'rgba(41, 41, 41, 0.7)',
  contrastBorder: '#0f4a85',
  contrastActiveBorder: '#006bbd',
  'editorWidget-background': '#ffffff',
  'button-border': '#0f4a85',
  'button-background': '#0f4a85',
  focusBorder: '#006bbd',
  'editorHoverWidget-background': '#ffffff',
  'editorHoverWidget-foreground': '#292929',
  'editorHoverWidget-border': '#0f4a85',
  'inputValidation-errorBackground': '#ffffff',
};

export const themes: readonly Theme[] = [
  { name: 'dark', bodyClass: 'vscode-dark', variables: { ...font, ...dark } },
  { name: 'light', bodyClass: 'vscode-light', variables: { ...font, ...light } },
  { name: 'high-contrast', bodyClass: 'vscode-high-contrast', variables: { ...font, ...highContrast } },
  {
    name: 'high-contrast-light',
    bodyClass: 'vscode-high-contrast-light vscode-high-contrast',
    variables: { ...font, ...highContrastLight },
  },
];
